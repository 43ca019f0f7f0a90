import { setTimeout as sleep } from 'node:timers/promises';
import type { Report } from '../row.ts';
import { type BenchCluster, NAMESPACE, PORT } from './bench-cluster.ts';

const RATE = 5000;
const SECONDS = 4;
const FLOOD = { rate: 300_000, seconds: 2 } as const;
/** Nobody lets anybody in there: every packet is one event. */
const CLOSED = PORT + 1;

/** `dropped`: packets that the datapath has counted, each of which is one event. */
type Account = { readonly sent: number; readonly dropped: number; readonly seen: number; readonly lost: number };

/** What a flood overruns before it reaches the datapath is in no counter of ours. */
async function dropsOf(cluster: BenchCluster, pod: string): Promise<number> {
  const { counters } = await cluster.api.endpoint({ namespace: NAMESPACE, pod });
  return (counters?.drops ?? []).reduce((sum, { packets }) => sum + packets, 0);
}

async function account(cluster: BenchCluster, client: string, rate: number, seconds: number): Promise<Account> {
  const before = (await cluster.api.status()).flows;
  const droppedBefore = await dropsOf(cluster, client);
  const netns = await cluster.netnsOf(client);
  using sender = cluster.spawn(netns, 'flood', String(rate), String(seconds), cluster.server, String(CLOSED));
  const sent = Number(await sender.line((seconds + 20) * 1000));
  let after = (await cluster.api.status()).flows;
  // The agent asks the kernel once a second what was lost.
  for (let unchanged = 0; unchanged < 8; ) {
    await sleep(200);
    const next = (await cluster.api.status()).flows;
    unchanged = next.seen === after.seen && next.lost.kernel === after.lost.kernel ? unchanged + 1 : 0;
    after = next;
  }
  const dropped = (await dropsOf(cluster, client)) - droppedBefore;
  return { sent, dropped, seen: after.seen - before.seen, lost: after.lost.kernel - before.lost.kernel };
}

/** Every event reaches the agent or is counted as lost. */
export async function flowsLoss(cluster: BenchCluster, report: Report, client: string): Promise<void> {
  const steady = await account(cluster, client, RATE, SECONDS);
  report({
    name: 'flows.loss',
    value: steady.lost,
    unit: 'events',
    n: steady.sent,
    min: steady.lost,
    max: steady.lost,
    target: { of: 'value', bound: 'at most', limit: 0 },
    note: `${RATE} a second for ${SECONDS} s: ${steady.sent} sent, ${steady.seen} seen`,
  });
  const flood = await account(cluster, client, FLOOD.rate, FLOOD.seconds);
  const unaccounted = Math.abs(flood.dropped - flood.seen - flood.lost);
  report({
    name: 'flows.loss.unaccounted',
    value: unaccounted,
    unit: 'events',
    n: flood.dropped,
    min: unaccounted,
    max: unaccounted,
    target: { of: 'value', bound: 'at most', limit: 0 },
    note: `a flood: ${flood.dropped} events, ${flood.seen} seen, ${flood.lost} counted as lost`,
  });
}
