import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ZERO_CONFIG } from '../gen/config.ts';
import { ensureBpffs, removePins } from '../kernel/bpffs.ts';
import { readObjectSpec } from '../kernel/object-spec.ts';
import { countEntries } from '../maps/map-fill.ts';
import { MapSet } from '../maps/map-set.ts';
import { serviceMaps } from '../maps/service-maps.ts';
import { attachSockets, detachSockets, SOCK_HOOKS, socketsAttached } from './cgroup-attach.ts';
import { pinnedPrograms, socketPrograms } from './hook-programs.ts';
import { loadPrograms } from './loader.ts';

const NAME = `mbr-test-hooks-${process.pid}`;
const PIN_DIR = `/run/${NAME}`;
const SIZES = {
  services: 64,
  service_slots: 4096,
  backends: 64,
  affinity: 64,
  sock_origins: 64,
  sock_accounts: 64,
  endpoints: 64,
};

let parent = '';
let child = '';
let maps: MapSet;

beforeAll(() => {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const cgroup2 = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1] ?? '';
  parent = join(cgroup2, NAME);
  child = join(parent, 'child');
  mkdirSync(child, { recursive: true });
  ensureBpffs(PIN_DIR);
  maps = new MapSet({ pinDir: undefined, sizes: SIZES });
});

afterAll(async () => {
  await detachSockets(PIN_DIR);
  maps.close();
  removePins(`${PIN_DIR}/links`);
  execFileSync('umount', [PIN_DIR]);
  rmSync(PIN_DIR, { recursive: true });
  rmdirSync(child);
  rmdirSync(parent);
});

it('what runs for a cgroup includes that of the cgroups above it, and pins say whose it is', async () => {
  const spec = readObjectSpec(fileURLToPath(new URL('../../../build/sock.bpf.o', import.meta.url)));
  const config = { ...ZERO_CONFIG, enableServices: true };
  const before = socketPrograms(child);
  expect(before.size).toBeGreaterThan(0);
  const load = () => loadPrograms({ spec, maps, config, programs: SOCK_HOOKS });
  await attachSockets({ cgroup: parent, pinDir: PIN_DIR }, load);

  const pinned = pinnedPrograms(PIN_DIR);
  for (const [hook, programs] of socketPrograms(child)) {
    const known = new Set(before.get(hook)?.map(({ id }) => id));
    const added = programs.filter(({ id }) => !known.has(id));
    expect(added, hook).toEqual([{ id: expect.any(Number), name: hook }]);
    expect(pinned.has(added[0]?.id ?? 0), hook).toBe(true);
  }
  expect(pinned.size).toBe(before.size);
  expect(socketsAttached({ cgroup: parent, pinDir: PIN_DIR })).toBe(true);
  expect(socketsAttached({ cgroup: child, pinDir: PIN_DIR })).toBe(false);
});

it('counts what a map holds, over more than one batch', async () => {
  const { slots } = serviceMaps(maps);
  expect(await countEntries(maps, 'service_slots')).toBe(0);
  await slots.setMany(Array.from({ length: 3000 }, (_, slot) => [{ revision: 1, slot }, { backend: 1 }] as const));
  expect(await countEntries(maps, 'service_slots')).toBe(3000);
});
