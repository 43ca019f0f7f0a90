import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchCluster, fromNs, monotonicMs, NAMESPACE, PORT } from '../cluster/bench-cluster.ts';
import type { Report } from '../row.ts';
import { summary } from '../stats.ts';

const PODS = 100;
const FIRST_HOST = 100;
/** How long a new pod is listened to after it is known. */
const LISTEN_MS = 50;

type Measured = { readonly knownMs: number; readonly interrupted: boolean };

/**
 * From the moment that the CNI plugin is run for a pod to the first packet that a pod of the other node gets there, and
 * whether what the new pod itself sends was ever left without an answer after it had the first one.
 */
async function measure(bench: BenchCluster, index: number): Promise<Measured> {
  const name = `new-${index}`;
  const ip = `10.244.1.${FIRST_HOST + index}`;
  await bench.sandbox.requestAddress(NAMESPACE, name, ip);
  using prober = bench.spawn(await bench.netnsOf('server'), 'first', ip, String(PORT));
  await prober.line();
  const begun = Promise.withResolvers<number>();
  let end = (): boolean => false;
  bench.beforeNetwork = async (pod, netns) => {
    if (pod !== name) return;
    const echo = bench.spawn(netns, 'echo', '0.0.0.0', String(PORT));
    const watcher = bench.spawn(netns, 'watch', bench.server, String(PORT));
    let downs = 0;
    void (async () => {
      for (let isUp = false; ; ) {
        const [word] = (await watcher.line(60_000)).split(' ');
        if (word === 'down' && isUp) downs += 1;
        if (word === 'up') isUp = true;
      }
    })().catch(() => undefined);
    end = () => {
      watcher[Symbol.dispose]();
      echo[Symbol.dispose]();
      return downs > 0;
    };
    begun.resolve(monotonicMs());
  };
  try {
    await bench.addPods([name]);
    const start = await begun.promise;
    const knownMs = fromNs(await prober.line()) - start;
    await sleep(LISTEN_MS);
    return { knownMs, interrupted: end() };
  } finally {
    end();
    bench.beforeNetwork = undefined;
    await bench.sandbox.delete({ resource: 'pods', namespace: NAMESPACE, name }, 0);
  }
}

export async function knownElsewhere(bench: BenchCluster, report: Report): Promise<void> {
  const all: Measured[] = [];
  for (let index = 0; index < PODS; index += 1) all.push(await measure(bench, index));
  const lost = all.filter(({ interrupted }) => interrupted).length;
  report({
    name: 'nodes.pod',
    ...summary(
      all.map(({ knownMs }) => knownMs),
      0.99,
    ),
    unit: 'ms',
    target: { of: 'value', bound: 'at most', limit: 200 },
    note: `p99, from the run of the CNI plugin; p50 ${summary(all.map(({ knownMs }) => knownMs)).value.toFixed(1)}; ${lost} of ${PODS} pods lost a packet of their own once they were answered`,
  });
}
