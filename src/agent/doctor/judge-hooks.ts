import type { Finding } from '../../api/index.ts';
import type { HookProgram } from '../../datapath/index.ts';
import { bounded, fine, some } from './finding.ts';

export type HookFacts = {
  /** Kernel ids of the programs of our pinned links. */
  readonly pinned: ReadonlySet<number>;
  readonly tcx: readonly HookPlace[];
  /** XDP programs, which run before tcx, and filters of clsact, which run after it. */
  readonly older: readonly OlderPlace[];
};

export type HookPlace = {
  /** `ingress of mbr0001 (default/web)`. */
  readonly place: string;
  readonly isPod: boolean;
  /** A program of ours belongs there. */
  readonly isOurs: boolean;
  /** In the order in which they run. */
  readonly programs: readonly HookProgram[];
};

export type OlderPlace = {
  readonly place: string;
  readonly isPod: boolean;
  readonly xdp: readonly number[];
  readonly filters: readonly string[];
};

/** What our programs are called, to tell who lost his pin from who never had one. */
const OUR_NAMES = new Set(['from_pod', 'to_pod', 'from_netdev', 'to_netdev', 'forward_xdp']);
const CHECK = 'hooks';
const DETACH = 'Detach it: "bpftool net" and "bpftool link" show whose it is.';

export function judgeHooks({ pinned, tcx, older }: HookFacts): Finding[] {
  const findings = [
    ...tcx.flatMap((place) => judgePlace(place, pinned)),
    ...older.flatMap((o) => judgeOlder(o, pinned)),
  ];
  return findings.length > 0
    ? bounded(findings)
    : [fine(CHECK, `only our own, pinned programs at ${tcx.length} hooks`)];
}

function judgePlace({ place, isPod, isOurs, programs }: HookPlace, pinned: ReadonlySet<number>): Finding[] {
  const ours = programs.findIndex(({ id }) => pinned.has(id));
  const findings = programs.flatMap((program, index): Finding[] => {
    if (pinned.has(program.id)) return [];
    const isBefore = index < ours;
    const what = `${OUR_NAMES.has(program.name) ? 'unpinned' : 'foreign'} program ${label(program)}`;
    const order = ours === -1 ? 'runs' : isBefore ? 'runs before ours' : 'runs after ours';
    const evidence = `${what} ${order} at ${place}`;
    const severity = isPod && isBefore ? 'critical' : 'warning';
    return [{ severity, check: CHECK, evidence, remedy: DETACH }];
  });
  if (ours !== -1 || !isOurs) return findings;
  const evidence = `no program of ours is pinned at ${place}: nothing is judged there`;
  const remedy = isPod ? 'Delete the pod, so that it comes anew.' : 'Restart the agent.';
  return [{ severity: 'critical', check: CHECK, evidence, remedy }, ...findings];
}

function judgeOlder({ place, isPod, xdp, filters }: OlderPlace, pinned: ReadonlySet<number>): Finding[] {
  const foreign = xdp.filter((id) => !pinned.has(id));
  const findings: Finding[] = foreign.map((id) => ({
    severity: isPod ? 'critical' : 'warning',
    check: CHECK,
    evidence: `foreign XDP program ${id} runs before ours at ${place}`,
    remedy: DETACH,
  }));
  if (filters.length === 0) return findings;
  const evidence = `foreign tc filters run after ours at ${place}: ${some(filters)}`;
  return [...findings, { severity: 'warning', check: CHECK, evidence, remedy: 'Remove them with "tc filter del".' }];
}

function label({ id, name }: HookProgram): string {
  return name === '' ? String(id) : `${id} (${name})`;
}
