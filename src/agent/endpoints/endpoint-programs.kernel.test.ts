import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  BPFFS,
  type Config,
  ensureBpffs,
  Generation,
  RunningPrograms,
  readObjectSpec,
  removePins,
  tcxPrograms,
  ZERO_CONFIG,
} from '../../datapath/index.ts';
import { type EndpointRecord, hostIfnameOf } from '../../endpoint/index.ts';
import { endpointId, ifindex } from '../../model/index.ts';
import { macOfAddr, parseAddr } from '../../net/index.ts';
import { EndpointPrograms } from './endpoint-programs.ts';

const BUILD = fileURLToPath(new URL('../../../build/', import.meta.url));
const PIN_DIR = join(BPFFS, `new-${process.pid}`);
const SIZES = { endpoints: 64, ipcache: 64, policy: 64, policy_peers: 64, conntrack: 64, fragments: 64, drops: 64 };
const ID = endpointId(4001);
const DEVICE = hostIfnameOf(ID);

const folder = mkdtempSync(`${tmpdir()}/new-`);
const object = join(folder, 'endpoint.bpf.o');
let generation: Generation;
let programs: EndpointPrograms;
let record: EndpointRecord;

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const names = () =>
  (['ingress', 'egress'] as const).map((hook) => tcxPrograms(record.hostIfindex, hook)?.map(({ name }) => name));

beforeAll(async () => {
  ensureBpffs();
  copyFileSync(`${BUILD}endpoint.bpf.o`, object);
  const base: Config = { ...ZERO_CONFIG, enablePolicy: true };
  generation = await Generation.open({ pinDir: PIN_DIR, sizes: SIZES, config: base });
  const { maps } = generation;
  const shared = { maps, base, running: new RunningPrograms({ maps, base }), pinDir: PIN_DIR };
  const judge = readObjectSpec(`${BUILD}judge.bpf.o`);
  programs = new EndpointPrograms({ ...shared, endpoint: readObjectSpec(object), judge });
  programs.prepare();
  ip('link', 'add', DEVICE, 'type', 'veth', 'peer', 'name', `p${DEVICE}`);
  const addr = parseAddr('10.244.1.9');
  record = {
    id: ID,
    attachment: { containerId: 'c', ifname: 'eth0' },
    pod: { namespace: 'default', name: 'pod', uid: undefined },
    netns: '/run/netns/none',
    addr,
    mac: macOfAddr(addr),
    hostIfname: DEVICE,
    hostIfindex: ifindex(Number(readFileSync(`/sys/class/net/${DEVICE}/ifindex`, 'ascii'))),
    mtu: 1500,
    phase: 'complete',
    createdAt: 0,
  };
});

afterAll(() => {
  programs.release();
  generation.close();
  removePins(PIN_DIR);
  ip('link', 'delete', DEVICE);
  rmSync(folder, { recursive: true });
});

it('leaves the own programs of an endpoint at a new device, and none but them', async () => {
  await programs.attachNew(record);
  expect(programs.difference(record)).toBeUndefined();
  expect(names()).toEqual([['from_pod'], ['to_pod']]);
  await programs.detach(ID);
  expect(names()).toEqual([[], []]);
});

it('closes a new device first, so that one whose programs cannot be loaded is closed', async () => {
  rmSync(object);
  await expect(programs.attachNew(record)).rejects.toMatchObject({ code: 'E_DATAPATH_OBJECT' });
  expect(names()).toEqual([['from_pod'], ['to_pod']]);
  expect(programs.difference(record)).toBe('ingress: it was loaded with other constants');
  await programs.detach(ID);
  expect(names()).toEqual([[], []]);
});
