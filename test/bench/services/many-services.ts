import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCluster } from '../cluster/bench-cluster.ts';

export const MANY = 'bench-many';
const PORT = 8080;
/** Objects that are written before others get a turn. */
const AT_ONCE = 200;

export const manyName = (index: number): string => `service-${index}`;

/** The address that is so many after `base`. */
export function addrOfNumber(base: string, number: number): string {
  const [a = 0, b = 0, c = 0, d = 0] = base.split('.').map(Number);
  const all = ((a << 24) | (b << 16) | (c << 8) | d) + number;
  return [24, 16, 8, 0].map((shift) => (all >>> shift) & 255).join('.');
}

/** Endpoints of the service number `index`: two of 10.248.0.0/14, or others in their place. */
export function endpointsOf(index: number, shift = 0) {
  return [0, 1].map((which) => ({
    addresses: [addrOfNumber('10.248.0.0', 2 * index + which + 1 + shift)],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: 'node-elsewhere',
    targetRef: { kind: 'Pod', namespace: MANY, name: `${manyName(index)}-${which}` },
  }));
}

/** Services with a slice of two endpoints each, whose pods nobody runs, into the API server's own store. */
export async function createMany(cluster: BenchCluster, from: number, to: number): Promise<void> {
  if (from === 0) cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: MANY } });
  for (let index = from; index < to; index += 1) {
    const name = manyName(index);
    const labels = { app: name, 'kubernetes.io/service-name': name };
    cluster.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: MANY, labels: { app: name } },
      spec: { ports: [{ port: 80, protocol: 'TCP', targetPort: PORT }] },
    });
    cluster.create({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace: MANY, labels },
      addressType: 'IPv4',
      ports: [{ name: '', protocol: 'TCP', port: PORT }],
      endpoints: endpointsOf(index),
    });
    if (index % AT_ONCE === 0) await sleep(0);
  }
}
