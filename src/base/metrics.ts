import { Registry } from 'prom-client';

export { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** A registry of its own: nothing is registered on a global. Names are `membrane_<subsystem>_<what>_<unit>`. */
export function createRegistry(): Registry {
  return new Registry();
}
