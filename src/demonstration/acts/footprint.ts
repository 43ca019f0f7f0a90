import { join } from 'node:path';
import {
  type Config,
  type Footprint,
  footprint,
  JUDGE_PROGRAMS,
  loadPrograms,
  MapSet,
  type ProgFd,
  readObjectSpec,
  ZERO_CONFIG,
} from '../../datapath/index.ts';
import { parseAddr, parseMac } from '../../net/index.ts';
import { REPOSITORY } from '../../sandbox/index.ts';
import { GATEWAY } from '../frames/index.ts';
import { type AttackLine, plural, type Stage } from '../stage/index.ts';

/** Instructions of the program that an established packet runs through, with everything off that can be. */
const HOT_PATH_LIMIT = 1_200;

type Switch = { [K in keyof Config]: Config[K] extends boolean ? K : never }[keyof Config];

/** What can be off. IPv6 is not supported yet. */
const SWITCHES = [
  'enablePolicy',
  'enableEvents',
  'enableFragments',
  'enableMasquerade',
  'enableCidrSelects',
  'enableCounters',
  'enableIcmpErrors',
  'enableServices',
] as const satisfies readonly Switch[];

/** Any addresses will do: they are constants of the same size. */
const BASE: Config = {
  ...ZERO_CONFIG,
  ipv4: parseAddr('10.244.1.2'),
  mac: parseMac('0a:58:0a:f4:01:02'),
  gatewayMac: GATEWAY.mac,
  gatewayIpv4: GATEWAY.ip,
  nodeIpv4: parseAddr('172.18.0.2'),
  snatPortMin: 61_000,
  snatPortMax: 65_535,
};

function withSwitches(on: readonly Switch[]): Config {
  return { ...BASE, ...Object.fromEntries(SWITCHES.map((name) => [name, on.includes(name)])) };
}

function load(config: Config, file: string, programs: readonly string[], maps: MapSet): ProgFd[] {
  return Object.values(loadPrograms({ spec: readObjectSpec(join(REPOSITORY, 'build', file)), maps, config, programs }));
}

/** Loads a pod's programs with this configuration, attached nowhere, and says what the kernel made of them. */
export function measure(config: Config): Footprint {
  using maps = new MapSet({ pinDir: undefined });
  const programs = [
    ...load(config, 'endpoint.bpf.o', ['from_pod', 'to_pod'], maps),
    ...load(config, 'judge.bpf.o', JUDGE_PROGRAMS, maps),
  ];
  try {
    return footprint(programs);
  } finally {
    for (const program of programs) program.close();
  }
}

function instructions(found: Footprint, name: string): number {
  return found.programs.find((program) => program.name.startsWith(name))?.instructions ?? 0;
}

function text(found: Footprint): string {
  const programs = found.programs.map((program) => `${program.name} ${program.instructions}`);
  const bytes = found.maps.reduce((sum, map) => sum + map.bytes, 0);
  return `${programs.join(', ')} instructions; ${plural(found.maps.length, 'map')}, ${(bytes / 2 ** 20).toFixed(1)} MiB when full`;
}

/** 8. What is not used is not there. */
export async function* footprints(_stage: Stage): AsyncGenerator<AttackLine> {
  const [minimal, full] = [measure(withSwitches([])), measure(withSwitches(SWITCHES))];
  const hot = instructions(minimal, 'from_pod');
  const missing = full.maps.filter((map) => !minimal.maps.some((other) => other.name === map.name));
  const claim = 'a feature that is off leaves no instruction and no map behind';
  const decidedBy = 'the kernel: bpf_prog_info and bpf_map_info of the loaded programs';
  yield {
    id: '8.minimal',
    claim,
    tried: 'programs of a pod loaded with everything off that can be',
    expected: `at most ${HOT_PATH_LIMIT} instructions on the hot path (from_pod)`,
    seen: text(minimal),
    held: hot > 0 && hot <= HOT_PATH_LIMIT,
    decidedBy,
  };
  yield {
    id: '8.full',
    claim,
    tried: 'the same with everything on',
    expected: 'more instructions and more maps',
    seen: `${text(full)}; only here: ${missing.map((map) => map.name).join(', ')}`,
    held: instructions(full, 'from_pod') > hot && missing.length > 0,
    decidedBy,
  };
  const total = (found: Footprint) => found.programs.reduce((sum, program) => sum + program.instructions, 0);
  const costs = SWITCHES.map((name) => {
    const others = SWITCHES.filter((other) => other !== name);
    return { name, cost: total(full) - total(measure(withSwitches(others))) };
  });
  yield {
    id: '8.features',
    claim,
    tried: 'each feature alone taken away from the full configuration',
    expected: 'each takes its instructions along',
    seen: costs.map(({ name, cost }) => `${name} ${cost}`).join(', '),
    held: costs.every(({ cost }) => cost > 0),
    decidedBy,
  };
}
