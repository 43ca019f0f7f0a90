/** What looking after the datapath asks of the kernel while nothing happens, counted by strace: nothing is left out. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Signal, silentLogger, systemClock } from '../../base/index.ts';
import { createRegistry } from '../../base/metrics.ts';
import { ObjectProblems } from '../../cluster/index.ts';
import {
  BPFFS,
  type Config,
  ensureBpffs,
  Generation,
  KernelEndpointWords,
  LinkList,
  Netdev,
  NetworkNews,
  RunningPrograms,
  readObjectSpec,
  removePins,
  ZERO_CONFIG,
} from '../../datapath/index.ts';
import type { EndpointRecord } from '../../endpoint/index.ts';
import { endpointId, ifindex } from '../../model/index.ts';
import { macOfAddr, parseAddr } from '../../net/index.ts';
import { EndpointTable } from '../../plane/index.ts';
import { DevicePrograms } from '../devices/device-programs.ts';
import { NodeDevices } from '../devices/node-devices.ts';
import { BrokenEndpoints } from '../endpoints/broken-endpoints.ts';
import { EndpointPrograms } from '../endpoints/endpoint-programs.ts';
import { GoneAttachments } from '../endpoints/gone-attachments.ts';
import { KeyedQueue } from '../endpoints/keyed-queue.ts';
import { DatapathHealth } from './datapath-health.ts';

const BUILD = fileURLToPath(new URL('../../../build/', import.meta.url));
const PODS = 6;
const NETNS = `quiet-${process.pid}`;
const UPLINK = 'quiet-up';
const PIN_DIR = join(BPFFS, NETNS);
const SIZES = {
  endpoints: 64,
  ipcache: 64,
  policy: 64,
  policy_peers: 64,
  conntrack: 64,
  snat: 64,
  fragments: 64,
  drops: 64,
  events: 4096,
};
/** What the kernel is asked by: bpf(2), files by their names, folders, netlink. */
const CALLS = 'trace=bpf,%file,getdents64,sendto,recvfrom';
const FROM = '/the-look-begins';
const TO = '/the-look-ends';

const spec = (name: string) => readObjectSpec(`${BUILD}${name}.bpf.o`);
const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const indexOf = (device: string) => ifindex(Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'ascii')));
const deviceOf = (id: number): string => `mbr${id.toString(16).padStart(4, '0')}`;

const folder = mkdtempSync(`${tmpdir()}/quiet-`);
/** Where pods' namespaces would be. */
const namespaces = join(folder, 'netns');
const open: { close: () => void }[] = [];
const endpoints = new EndpointTable();
let programs: EndpointPrograms;
let look: () => Promise<void>;

async function addPod(id: number): Promise<void> {
  const addr = parseAddr(`10.244.1.${id}`);
  const netns = join(namespaces, `pod-${id}`);
  mkdirSync(netns, { recursive: true });
  ip('link', 'add', deviceOf(id), 'type', 'veth', 'peer', 'name', `p${id}`, 'netns', NETNS);
  const record: EndpointRecord = {
    id: endpointId(id),
    attachment: { containerId: `c${id}`, ifname: 'eth0' },
    pod: { namespace: 'default', name: `pod-${id}`, uid: undefined },
    netns,
    addr,
    mac: macOfAddr(addr),
    hostIfname: deviceOf(id),
    hostIfindex: indexOf(deviceOf(id)),
    mtu: 1500,
    phase: 'complete',
    createdAt: 0,
  };
  await programs.attach(record);
  endpoints.add(record, 'ready');
}

beforeAll(async () => {
  ensureBpffs();
  ip('netns', 'add', NETNS);
  ip('link', 'add', UPLINK, 'type', 'bridge');
  const base: Config = { ...ZERO_CONFIG, enablePolicy: true, enableMasquerade: true, enableEvents: true };
  const generation = await Generation.open({ pinDir: PIN_DIR, sizes: SIZES, config: base });
  const { maps } = generation;
  const running = new RunningPrograms({ maps, base });
  const shared = { maps, running, base, pinDir: PIN_DIR };
  programs = new EndpointPrograms({ ...shared, endpoint: spec('endpoint'), judge: spec('judge') });
  programs.installShared();
  generation.begin();
  generation.commit();
  const netdev = Netdev.open();
  const news = NetworkNews.open();
  const words = KernelEndpointWords.of(maps.get('endpoint_words'));
  open.push(words, netdev, news, generation);
  const [clock, log] = [systemClock, silentLogger];
  const devices = new NodeDevices({
    links: new LinkList(netdev, news),
    netdev,
    programs: new DevicePrograms({
      ...shared,
      host: spec('host'),
      overlay: spec('overlay'),
      xdp: spec('xdp'),
      acceleration: 'disabled',
      log,
    }),
    mayReplace: () => true,
    uplink: indexOf(UPLINK),
    overlay: ifindex(0),
    configured: [UPLINK],
    clock,
    log,
  });
  const health = new DatapathHealth({
    generation,
    endpoints,
    programs,
    devices,
    sockets: { difference: () => undefined, attach: async () => undefined },
    broken: new BrokenEndpoints({ endpoints, programs, words, netdev, problems: new ObjectProblems(), log }),
    changed: new Signal(),
    registry: createRegistry(),
    clock,
    log,
  });
  const queue = new KeyedQueue();
  const gone = new GoneAttachments({ endpoints, netdev, queue, remove: async () => undefined, clock, log });
  look = async () => {
    await devices.look();
    await health.look();
    await gone.look();
    expect(health.standing).toEqual([]);
  };
});

afterAll(() => {
  programs.release();
  for (const one of open) one.close();
  removePins(PIN_DIR);
  ip('netns', 'delete', NETNS);
  ip('link', 'delete', UPLINK);
  rmSync(folder, { recursive: true });
});

/** Has the kernel say what this process asks of it meanwhile: how often, by the name of the call. */
async function callsOf(action: () => Promise<void>): Promise<Record<string, number>> {
  const file = join(folder, 'calls');
  const tracer = spawn('strace', ['-f', '-e', CALLS, '-o', file, '-p', String(process.pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(tracer, 'exit');
  // It says that it is attached.
  await once(tracer.stderr, 'data');
  const mark = (path: string) => statSync(path, { throwIfNoEntry: false });
  mark(FROM);
  await action();
  mark(TO);
  tracer.kill('SIGINT');
  await ended;
  const lines = readFileSync(file, 'utf8').split('\n');
  const at = (path: string): number => lines.findIndex((line) => line.includes(path));
  expect(at(FROM)).toBeGreaterThanOrEqual(0);
  expect(at(TO)).toBeGreaterThan(at(FROM));
  const calls = lines.slice(at(FROM) + 1, at(TO)).flatMap((line) => /^\d+ +(\w+)\(/.exec(line)?.[1] ?? []);
  return Object.fromEntries(
    Array.from(
      Map.groupBy(calls, (name) => name),
      ([name, all]) => [name, all.length],
    ),
  );
}

/** What it takes twice in a row: another thread of this process may ask for something of its own meanwhile. */
async function steadyCallsOf(action: () => Promise<void>): Promise<Record<string, number>> {
  let before = await callsOf(action);
  for (;;) {
    const now = await callsOf(action);
    if (isDeepStrictEqual(now, before)) return now;
    before = now;
  }
}

/** When what was just done has been looked at, and is long enough ago. */
async function quiet(): Promise<void> {
  await new Promise((done) => setTimeout(done, 1_100));
  for (let i = 0; i < 3; i += 1) await look();
}

it('asks for the two programs of each pod, and for nothing else that grows with pods', async () => {
  const counted = [];
  for (const first of [1, 1 + PODS]) {
    for (let id = first; id < first + PODS; id += 1) await addPod(id);
    await quiet();
    counted.push(await steadyCallsOf(look));
  }
  const [few = {}, many = {}] = counted;
  expect(few['bpf']).toBeGreaterThanOrEqual(2 * PODS);
  expect(many).toEqual({ ...few, bpf: (few['bpf'] ?? 0) + 2 * PODS });
  // No list of devices.
  expect(many['sendto']).toBeUndefined();
});
