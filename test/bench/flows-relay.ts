import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Observer } from '../../src/api/hubble/gen/observer/observer_pb.js';
import type { RelayLoad, RelayNews } from './relay-nodes.ts';
import type { Report } from './row.ts';

const NODES = 4;
const RATE = 5_000;
const SECONDS = 10;
/** Nothing more comes. */
const SILENT_MS = 15_000;
const TICKS_A_SECOND = 100;
const MEMBRANE = fileURLToPath(new URL('../../membrane', import.meta.url));

/** Flows of several nodes through a relay that is a program of its own, to one who follows all of them. */
export async function relay(report: Report): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'membrane-bench-relay-'));
  const socketPath = join(folder, 'node-1.sock');
  const load: RelayLoad = { nodes: NODES, rate: RATE, seconds: SECONDS, socketPath };
  const nodes = fork(new URL('./relay-nodes.ts', import.meta.url), [JSON.stringify(load)]);
  const config = join(folder, 'relay.json');
  const listen = { port: 0, open: true };
  writeFileSync(config, JSON.stringify({ peerService: socketPath, listen, metrics: { port: 0 } }));
  let program: ChildProcess | undefined;
  try {
    await news(nodes);
    program = spawn(MEMBRANE, ['relay', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    const seen = await follow(await portOf(program), { nodes, cpu: () => cpuSeconds(program?.pid) });
    const cpuUs = seen.cpuSeconds * 1e6;
    const { told, lost, toldOf, disordered } = seen;
    report({
      name: 'flows.relay',
      value: lost,
      unit: 'flows lost',
      n: told + lost,
      min: lost,
      max: lost,
      target: { of: 'value', bound: 'at most', limit: 0 },
      note: `of ${NODES} nodes with ${RATE} a second each for ${SECONDS} s; of those lost ${toldOf} were told of; ${disordered} out of the order of time`,
    });
    const each = cpuUs / told;
    const cores = (seen.cpuSeconds / seen.seconds).toFixed(2);
    report({
      name: 'flows.relay.cpu',
      value: each,
      unit: 'us a flow',
      n: told,
      min: each,
      max: each,
      note: `of the relay, ${cores} of a processor; the last was told ${seen.lateMs.toFixed(0)} ms after it was seen`,
    });
  } finally {
    program?.kill();
    nodes.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function news(nodes: ChildProcess): Promise<RelayNews> {
  const [told] = (await once(nodes, 'message')) as [RelayNews];
  return told;
}

/** As its log says. */
async function portOf({ stderr }: ChildProcess): Promise<number> {
  if (stderr === null) throw new Error('the relay has no log');
  for await (const line of createInterface(stderr)) {
    const { msg, port } = JSON.parse(line) as { readonly msg: string; readonly port?: number };
    if (msg === 'relay serves' && port !== undefined) {
      stderr.resume();
      return port;
    }
  }
  throw new Error('the relay has ended');
}

type Watched = { readonly nodes: ChildProcess; readonly cpu: () => number };

async function follow(port: number, { nodes, cpu }: Watched) {
  const observer = createClient(Observer, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
  let connected = 0;
  while (connected < NODES) ({ numConnectedNodes: connected = 0 } = await observer.serverStatus({}));
  const stop = new AbortController();
  let [told, lost, disordered, last, lateMs] = [0, 0, 0, 0, 0];
  let pushed: number | undefined;
  let touched = performance.now();
  let heard = 0;
  const all = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const isOver = () => pushed !== undefined && told + lost >= pushed * NODES;
  const reading = (async () => {
    for await (const { responseTypes, time } of observer.getFlows({ follow: true }, { signal: stop.signal })) {
      touched = performance.now();
      if (responseTypes.case === 'nodeStatus') heard += responseTypes.value.nodeNames.length;
      if (heard >= NODES) started.resolve();
      if (responseTypes.case === 'lostEvents') lost += Number(responseTypes.value.numEventsLost);
      if (responseTypes.case !== 'flow' || time === undefined) continue;
      const at = Number(time.seconds) * 1_000 + time.nanos / 1e6;
      told += 1;
      if (at < last) disordered += 1;
      last = at;
      lateMs = Date.now() - at;
      if (isOver()) all.resolve();
    }
  })().catch(() => undefined);
  await started.promise;
  const before = cpu();
  const begun = performance.now();
  nodes.send('begin');
  const done = await news(nodes);
  if (done === 'ready') throw new Error('nodes began twice');
  pushed = done.pushed;
  while (!isOver() && performance.now() - touched < SILENT_MS)
    await Promise.race([all.promise, new Promise((resolve) => setTimeout(resolve, 200))]);
  const seconds = (performance.now() - begun) / 1_000;
  const spent = cpu() - before;
  stop.abort();
  await reading;
  return { told, lost: pushed * NODES - told, toldOf: lost, disordered, lateMs, seconds, cpuSeconds: spent };
}

/** Of a process, since it began. */
function cpuSeconds(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'ascii');
  const [utime = '0', stime = '0'] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(utime) + Number(stime)) / TICKS_A_SECOND;
}
