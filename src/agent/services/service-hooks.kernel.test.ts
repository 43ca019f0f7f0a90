import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../base/index.ts';
import {
  attachSockets,
  detachSockets,
  ensureBpffs,
  loadPrograms,
  MapSet,
  RunningPrograms,
  readObjectSpec,
  removePins,
  SOCK_HOOKS,
  socketsAttached,
  ZERO_CONFIG,
} from '../../datapath/index.ts';
import { ServiceHooks } from './service-hooks.ts';

const NAME = `mbr-test-sock-${process.pid}`;
const PIN_DIR = `/run/${NAME}`;
const SIZES = {
  services: 64,
  service_slots: 64,
  backends: 64,
  affinity: 64,
  sock_origins: 64,
  sock_accounts: 64,
  endpoints: 64,
};
const config = { ...ZERO_CONFIG, enableServices: true };
const spec = readObjectSpec(fileURLToPath(new URL('../../../build/sock.bpf.o', import.meta.url)));

let cgroup = '';
let kept: MapSet;
/** Those that an agent after it has made beside, of another layout or size. */
let beside: MapSet;

beforeAll(() => {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const cgroup2 = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1] ?? '';
  cgroup = join(cgroup2, NAME);
  mkdirSync(cgroup, { recursive: true });
  ensureBpffs(PIN_DIR);
  kept = new MapSet({ pinDir: undefined, sizes: SIZES });
  beside = new MapSet({ pinDir: undefined, sizes: SIZES });
});

afterEach(async () => await detachSockets(PIN_DIR));

afterAll(() => {
  kept.close();
  beside.close();
  removePins(`${PIN_DIR}/links`);
  execFileSync('umount', [PIN_DIR]);
  rmSync(PIN_DIR, { recursive: true });
  rmdirSync(cgroup);
});

it.each([
  ['stays while it does what it should', () => kept, true, true],
  ['goes when it reads maps that nobody writes any more', () => beside, true, false],
  ['stays until the maps that are made beside are complete', () => beside, false, true],
])('what is attached to a cgroup that is not in sight any more %s', async (_what, mapsNow, mayReplace, stays) => {
  await attachSockets({ cgroup, pinDir: PIN_DIR }, () =>
    loadPrograms({ spec, maps: kept, config, programs: SOCK_HOOKS }),
  );
  const maps = mapsNow();
  const hooks = new ServiceHooks({
    spec,
    maps,
    config,
    findCgroup: () => undefined,
    pinDir: PIN_DIR,
    running: new RunningPrograms({ maps, base: config }),
    mayReplace: () => mayReplace,
    clock: systemClock,
    log: silentLogger,
  });
  await hooks.attach();
  expect(hooks.cgroup).toBeUndefined();
  expect(socketsAttached({ cgroup, pinDir: PIN_DIR })).toBe(stays);
});
