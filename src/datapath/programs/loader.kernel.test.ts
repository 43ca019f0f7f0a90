import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMembraneError } from '../../base/index.ts';
import { endpointId } from '../../model/index.ts';
import { type Config, ZERO_CONFIG } from '../gen/config.ts';
import { LAYOUT_HASH, MAP_LAYOUTS } from '../gen/layout.ts';
import { ensureBpffs, removePins } from '../kernel/bpffs.ts';
import { parseElf } from '../kernel/elf.ts';
import { heldObjects } from '../kernel/fd-info.ts';
import { readObjectSpec } from '../kernel/object-spec.ts';
import { progInfo } from '../kernel/syscall.ts';
import { MapSet } from '../maps/map-set.ts';
import { footprint } from './footprint.ts';
import { loadEndpointPrograms, loadPrograms, VerifierError } from './loader.ts';
import { RunningPrograms } from './running.ts';

const OBJECT = fileURLToPath(new URL('../../../build/endpoint.bpf.o', import.meta.url));
const BPFFS = `/run/mbr-test-bpffs-${process.pid}`;
const PINS = `${BPFFS}/membrane`;
const SIZES = { conntrack: 1024, snat: 256, policy: 1024, ipcache: 1024, endpoints: 256, events: 65_536, drops: 256 };
const CONFIG: Config = { ...ZERO_CONFIG, endpoint: endpointId(1), enablePolicy: true };

const scratch = mkdtempSync(join(tmpdir(), 'membrane-loader-'));

/** The object with other bytes at the start of a section. */
function damaged(section: string, bytes: Uint8Array): string {
  const file = readFileSync(OBJECT);
  const data = parseElf(file).sections.find((s) => s.name === section)?.data;
  if (data === undefined) throw new Error(`no section ${section}`);
  data.set(bytes);
  const path = join(scratch, `${section.replace(/\W/g, '')}.o`);
  writeFileSync(path, file);
  return path;
}

function failure(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('did not fail');
}

beforeAll(() => ensureBpffs(BPFFS));
afterAll(async () => {
  removePins(PINS);
  rmSync(scratch, { recursive: true });
  const { execFileSync } = await import('node:child_process');
  execFileSync('umount', [BPFFS]);
  rmSync(BPFFS, { recursive: true });
});

describe('readObjectSpec', () => {
  it('needs no kernel and says what is in the file', () => {
    const spec = readObjectSpec(OBJECT);
    expect(spec.programs.map((p) => p.name)).toEqual(expect.arrayContaining(['from_pod', 'to_pod']));
    expect(spec.maps.find((m) => m.name === 'policy')).toMatchObject({ type: 'lpmTrie', keySize: 16, valueSize: 12 });
    expect(spec.configOffset).toBeTypeOf('number');
  });

  it('refuses an object of another layout, and what is no object', () => {
    const path = damaged('membrane_layout', Buffer.from('0123456789abcdef'));
    expect(failure(() => readObjectSpec(path))).toMatchObject({
      code: 'E_DATAPATH_LAYOUT',
      message: expect.stringContaining(`has 0123456789abcdef, this program ${LAYOUT_HASH}`),
    });
    const text = join(scratch, 'text.o');
    writeFileSync(text, 'hello');
    expect(failure(() => readObjectSpec(text))).toMatchObject({ code: 'E_DATAPATH_OBJECT' });
    expect(failure(() => readObjectSpec(join(scratch, 'none.o')))).toMatchObject({ code: 'E_DATAPATH_OBJECT' });
  });
});

describe('loadPrograms', () => {
  it('leaves no map and no instruction of what is off', () => {
    const spec = readObjectSpec(OBJECT);
    const instructions = (config: Config): { count: number; maps: string[] } => {
      using maps = new MapSet({ pinDir: undefined, sizes: SIZES });
      const { fromPod, toPod } = loadEndpointPrograms({ spec, maps, config });
      const all = footprint([fromPod, toPod]);
      fromPod.close();
      toPod.close();
      return { count: all.programs.reduce((sum, p) => sum + p.instructions, 0), maps: all.maps.map((m) => m.name) };
    };
    const small = instructions(CONFIG);
    const full = instructions({ ...CONFIG, enableEvents: true, enableCounters: true, enableMasquerade: true });
    expect(small.maps).not.toContain('events');
    expect(full.maps).toContain('events');
    expect(small.count).toBeLessThan(full.count);
  });

  it('reports a refusal with the end of the log and keeps all of it', () => {
    const section = readObjectSpec(OBJECT).programs.find((p) => p.name === 'from_pod')?.section ?? '';
    using maps = new MapSet({ pinDir: undefined, sizes: SIZES });
    const spec = readObjectSpec(damaged(section, Uint8Array.of(0x85, 0, 0, 0, 0xff, 0xff, 0, 0)));
    const error = failure(() =>
      loadPrograms({ spec, maps, config: CONFIG, programs: spec.programs.map((p) => p.name) }),
    );
    expect(error).toBeInstanceOf(VerifierError);
    if (!(error instanceof VerifierError)) return;
    expect(error.code).toBe('E_DATAPATH_VERIFIER');
    expect(error.message).toMatch(/invalid func unknown#65535/);
    expect(error.log.length).toBeGreaterThan(20);
  });

  it('is not disturbed by signals that come without end', async () => {
    const seen = { signals: 0 };
    const note = () => {
      seen.signals += 1;
    };
    process.on('SIGUSR2', note);
    const storm = spawn('sh', ['-c', `echo; while kill -USR2 ${process.pid}; do :; done`]);
    const ended = once(storm, 'exit');
    try {
      await once(storm.stdout, 'data');
      // It takes the verifier longer than any other.
      const spec = readObjectSpec(OBJECT.replace('endpoint', 'judge'));
      using maps = new MapSet({ pinDir: undefined, sizes: SIZES });
      const programs = ['judge_from_pod'] as const;
      for (let i = 0; i < 10; i += 1) loadPrograms({ spec, maps, config: CONFIG, programs }).judge_from_pod.close();
      await expect.poll(() => seen.signals).toBeGreaterThan(0);
    } finally {
      storm.kill('SIGKILL');
      await ended;
      process.off('SIGUSR2', note);
    }
  });

  it('says which program an object lacks', () => {
    using maps = new MapSet({ pinDir: undefined, sizes: SIZES });
    const spec = { ...readObjectSpec(OBJECT), programs: [{ name: 'nothing', section: 'tc' }] };
    expect(failure(() => loadPrograms({ spec, maps, config: CONFIG, programs: ['nothing'] }))).toMatchObject({
      code: 'E_DATAPATH_OBJECT',
      message: expect.stringContaining('nothing'),
    });
  });
});

describe('RunningPrograms', () => {
  it('gives what it loaded to learn to the first who asks, and lets the rest go', () => {
    const spec = readObjectSpec(OBJECT);
    using maps = new MapSet({ pinDir: undefined, sizes: SIZES });
    const running = new RunningPrograms({ maps, base: CONFIG });
    const before = heldObjects().programs;
    const held = (): number[] => [...heldObjects().programs.difference(before)].toSorted((a, b) => a - b);
    running.learn(spec);
    const learnt = held();
    expect(learnt).toHaveLength(spec.programs.length);
    const names = ['from_pod', 'to_pod'] as const;
    const taken = Object.values(running.load(spec, names));
    expect(held(), 'nothing is loaded for who comes first').toEqual(learnt);
    const others = Object.values(running.load(spec, names));
    running.discard();
    const ids = [...taken, ...others].map((program) => progInfo(program).id);
    expect(held(), 'everybody has programs of his own, and nothing else is left').toEqual(
      ids.toSorted((a, b) => a - b),
    );
    expect(new Set(ids).size).toBe(4);
    for (const program of taken) {
      const wanted = { spec, config: CONFIG, program: progInfo(program).name };
      expect(running.difference(progInfo(program).id, wanted)).toBeUndefined();
    }
    for (const program of [...taken, ...others]) program.close();
    expect(held()).toEqual([]);
  });
});

describe('MapSet', () => {
  it('pins maps under their layout version and finds them again', () => {
    using first = new MapSet({ pinDir: PINS, sizes: SIZES });
    first.get('endpoints');
    expect(readdirSync(`${PINS}/maps`)).toEqual([`endpoints_${MAP_LAYOUTS.endpoints}`]);
    using second = new MapSet({ pinDir: PINS, sizes: SIZES });
    expect(second.get('endpoints').isOpen).toBe(true);
  });

  it('refuses a pinned map of another size', () => {
    using first = new MapSet({ pinDir: PINS, sizes: SIZES });
    first.get('ipcache');
    using second = new MapSet({ pinDir: PINS, sizes: { ...SIZES, ipcache: 2048 } });
    const error = failure(() => second.get('ipcache'));
    expect(isMembraneError(error, 'E_DATAPATH_MAP_MISMATCH')).toBe(true);
    expect(String(error)).toMatch(/1024 entries.*expected.*2048 entries/);
  });

  it('says when the pin directory is not on a bpffs', () => {
    using maps = new MapSet({ pinDir: scratch, sizes: SIZES });
    expect(failure(() => maps.get('endpoints'))).toMatchObject({ code: 'E_DATAPATH_PIN' });
  });
});
