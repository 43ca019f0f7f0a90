import { Counter, Gauge, Registry } from 'prom-client';

export { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** A registry of its own: nothing is registered on a global. Names are `membrane_<subsystem>_<what>_<unit>`. */
export function createRegistry(): Registry {
  return new Registry();
}

type Labels<L extends string> = Readonly<Record<L, string>>;

/** What a metric is now: one value, or one for each set of labels. NaN: nobody knows. */
export type Reading<L extends string> = number | Iterable<readonly [labels: Labels<L>, value: number]>;

export type ReadMetric<L extends string> = {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly L[];
  readonly read: () => Reading<L> | Promise<Reading<L>>;
};

/** Read when somebody asks for it: nothing runs between two scrapes. Labels that are not read (any more) have no series. */
export function readGauge<L extends string>(registry: Registry, { read, ...spec }: ReadMetric<L>): Gauge<L> {
  return new Gauge<L>({
    ...spec,
    registers: [registry],
    async collect() {
      const reading = await read();
      this.reset();
      if (typeof reading === 'number') this.set(reading);
      else for (const [labels, value] of reading) this.set(labels, value);
    },
  });
}

/** The same of what only grows. */
export function readCounter<L extends string>(registry: Registry, { read, ...spec }: ReadMetric<L>): Counter<L> {
  return new Counter<L>({
    ...spec,
    registers: [registry],
    async collect() {
      const reading = await read();
      this.reset();
      if (typeof reading === 'number') this.inc(reading);
      else for (const [labels, value] of reading) this.inc(labels, value);
    },
  });
}

/** By one label: `drop`, 3 -> the series whose `label` is `drop`. */
export function byLabel<L extends string>(label: L, values: Iterable<readonly [string, number]>): Reading<L> {
  return Array.from(values, ([value, count]) => [{ [label]: value } as Labels<L>, count]);
}
