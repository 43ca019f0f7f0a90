import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { FlowHub } from '../../src/observe/index.ts';
import { recordOf } from '../../src/observe/testkit.ts';
import { NAMESPACES, newHub, RARE, RECORDS, traffic } from './flow-hub.ts';
import { relay } from './flows-relay.ts';
import type { Family, Report } from './row.ts';
import { summary } from './stats.ts';

const STORED = 1_048_576;
const RARE_FLOWS = 50;
/** As many as the ring has in a look at 5,000 a second. */
const LOOK = 250;
const ROUNDS = 10;
const PER_ROUND = 100_000;
const FOLLOWED = 20_000;
const MIB = 1024 * 1024;

/** ns of the boot clock: ten minutes ago, and then 600 us from flow to flow. */
let time = (Date.now() - bootedAt()) * 1e6 - 6e11;

function bootedAt(): number {
  return Date.now() - Number.parseFloat(readFileSync('/proc/uptime', 'ascii')) * 1_000;
}

function stamp(words: Uint32Array, at: number): void {
  time += 600_000;
  words[at] = time % 2 ** 32;
  words[at + 1] = time / 2 ** 32;
}

/** us of CPU a flow. */
async function fill(hub: FlowHub, count: number, pause: () => Promise<void>): Promise<number> {
  const { words, size } = traffic();
  const before = process.cpuUsage();
  for (let pushed = 0; pushed < count; pushed += LOOK) {
    hub.begin();
    for (let index = 0; index < LOOK; index += 1) {
      const at = ((pushed + index) % RECORDS) * size;
      stamp(words, at);
      hub.push(words, at);
    }
    await pause();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

async function cpu(report: Report): Promise<void> {
  const hub = newHub(STORED);
  await fill(hub, PER_ROUND, async () => undefined);
  const alone: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) alone.push(await fill(hub, PER_ROUND, async () => undefined));
  report({
    name: 'flows.cpu',
    ...summary(alone),
    unit: 'us a flow',
    target: { of: 'value', bound: 'at most', limit: 0.5 },
    note: 'that nobody looks at, from the ring into the store',
  });
  const stop = new AbortController();
  let got = 0;
  const reading = (async () => {
    for await (const messages of hub.observe({ follow: true }, stop.signal)) {
      JSON.stringify(messages);
      got += messages.length;
    }
  })();
  await turn();
  const followed: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) followed.push(await fill(hub, FOLLOWED, turn));
  stop.abort();
  await reading;
  report({
    name: 'flows.cpu.followed',
    ...summary(followed),
    unit: 'us a flow',
    note: `with one who follows all of them as JSON: ${got} of ${ROUNDS * FOLLOWED} read, the rest told as lost`,
  });
}

/** What is held, once all that is not has been given back. */
async function held(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round += 1) {
    gc();
    await turn();
  }
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

async function history(report: Report): Promise<FlowHub> {
  const before = await held();
  const hub = newHub(STORED);
  hub.begin();
  for (let index = 0; index < RARE_FLOWS; index += 1) {
    const record = recordOf({ sourceEndpoint: RARE, destinationEndpoint: 0, destinationIdentity: 2, hook: 'from-pod' });
    stamp(record, 0);
    hub.push(record, 0);
  }
  await fill(hub, STORED, async () => undefined);
  const mib = ((await held()) - before) / MIB;
  const { stored } = hub.stats();
  report({
    name: 'flows.history',
    value: stored / mib,
    unit: 'flows/MiB',
    n: stored,
    min: stored / mib,
    max: stored / mib,
    target: { of: 'value', bound: 'at least', limit: 1_000_000 / 128 },
    note: `${stored} flows in ${mib.toFixed(0)} MiB, as kept by default`,
  });
  return hub;
}

async function query(hub: FlowHub, report: Report): Promise<void> {
  const ask = async (asked: Parameters<FlowHub['observe']>[0]): Promise<number> => {
    const begun = performance.now();
    for await (const messages of hub.observe(asked, AbortSignal.timeout(600_000))) void messages.length;
    return performance.now() - begun;
  };
  // What has said little, and long ago, is the hardest to find.
  const namespaces = ['rare', ...Array.from({ length: NAMESPACES }, (_, index) => `tenant-${index}`)];
  const times: number[] = [];
  const all: number[] = [];
  for (const namespace of namespaces) times.push(await ask({ last: 100, filter: { namespace: [namespace] } }));
  for (let round = 0; round < ROUNDS; round += 1)
    all.push(await ask({ last: 100, filter: { fromIdentity: [999_999] } }));
  report({
    name: 'flows.query',
    ...summary(times),
    unit: 'ms',
    target: { of: 'value', bound: 'at most', limit: 20 },
    note: `the last 100 of a namespace among ${hub.stats().stored}`,
  });
  report({
    name: 'flows.query.walk',
    ...summary(all),
    unit: 'ms',
    note: 'for what no index helps with: all are looked at',
  });
}

/** What the agent keeps of flows, apart from the kernel, and what a relay makes of several. */
export const flows: Family = {
  name: 'flows',
  rows: ['flows.cpu', 'flows.history', 'flows.query', 'flows.relay'],
  run: async (report, wanted) => {
    if (wanted('flows.cpu')) await cpu(report);
    if (wanted('flows.history') || wanted('flows.query')) await query(await history(report), report);
    if (wanted('flows.relay')) await relay(report);
  },
};
