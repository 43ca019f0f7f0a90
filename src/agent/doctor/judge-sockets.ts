import type { Finding } from '../../api/index.ts';
import type { HookProgram } from '../../datapath/index.ts';
import { fine, some } from './finding.ts';

/** `off`: no services. `none`: no cgroup was found or the programs could not be attached. */
export type SocketFacts =
  | { readonly state: 'off' }
  | { readonly state: 'none' }
  | {
      readonly state: 'steered';
      readonly cgroup: string;
      /** All of ours are there. */
      readonly attached: boolean;
      readonly pinned: ReadonlySet<number>;
      /** By hook, those of the cgroups above among them. */
      readonly programs: ReadonlyMap<string, readonly HookProgram[]>;
    };

const CHECK = 'socket hooks';

export function judgeSockets(facts: SocketFacts): Finding[] {
  if (facts.state === 'off') return [fine(CHECK, 'services are off')];
  if (facts.state === 'none') {
    const evidence = 'services are on, and no cgroup is steered: processes of the node reach none by its address';
    const remedy =
      'Let the agent see the whole cgroup v2 hierarchy of the node, or set "cgroup" in its configuration to one above pods and processes.';
    return [{ severity: 'warning', check: CHECK, evidence, remedy }];
  }
  const { cgroup, attached, pinned, programs } = facts;
  const findings: Finding[] = [];
  if (!attached) {
    const evidence = `a program of ours is missing at ${cgroup}: it was detached, or the cgroup was made anew`;
    findings.push({
      severity: 'warning',
      check: CHECK,
      evidence,
      remedy: 'The agent attaches it again within 10 s; see its log when it does not.',
    });
  }
  const foreign = Array.from(programs).flatMap(([hook, list]) =>
    list.filter(({ id }) => !pinned.has(id)).map(({ id, name }) => `${hook} ${id}${name === '' ? '' : ` (${name})`}`),
  );
  if (foreign.length > 0) {
    const evidence = `foreign programs see the same sockets at or above ${cgroup}: ${some(foreign)}`;
    const remedy = 'Detach them: each may send a connection elsewhere. "bpftool cgroup tree" shows where they are.';
    findings.push({ severity: 'warning', check: CHECK, evidence, remedy });
  }
  return findings.length > 0 ? findings : [fine(CHECK, `sockets are steered in ${cgroup}, by ours alone`)];
}
