import type { NamespacedName } from '../base/index.ts';
import type { NodeRow } from '../model/index.ts';
import { isAddr, type Prefix, parseAddr } from '../net/index.ts';
import type { TableReader } from '../table/index.ts';
import type { Intent } from './intent.ts';
import type { ObjectProblems } from './object-problems.ts';
import { podRangesOf } from './pod-ranges.ts';
import type { RangeOwners } from './range-owners.ts';

export type RangeProblemsOptions = {
  readonly intent: Pick<Intent, 'nodes' | 'serviceRanges'>;
  /** Has followed the nodes already. */
  readonly owners: Pick<RangeOwners, 'ownersOf' | 'sharersOf'>;
  readonly problems: ObjectProblems;
  readonly nodeName: string;
};

const overlaps = (a: Prefix, b: Prefix): boolean => a.contains(b) || b.contains(a);

/**
 * What is wrong with the ranges that the cluster gives out, by the node that it is wrong with. What follows is decided
 * elsewhere, and for what is concerned alone; this says it, on the Node by its own agent, and in every status.
 */
export class RangeProblems {
  readonly #o: RangeProblemsOptions;
  readonly #nodes: TableReader<NamespacedName>;
  readonly #services: TableReader;
  #found = new Map<string, readonly string[]>();
  #told = '';

  constructor(options: RangeProblemsOptions) {
    this.#o = options;
    this.#nodes = options.intent.nodes.reader();
    this.#services = options.intent.serviceRanges.reader();
  }

  /** By node's name. */
  get found(): ReadonlyMap<string, readonly string[]> {
    return this.#found;
  }

  follow(): void {
    const changed = this.#nodes.drain().size + this.#services.drain().size;
    if (changed === 0) return;
    const { nodes } = this.#o.intent;
    this.#found = new Map(
      Array.from(nodes.rows.values(), (node) => [node.name, this.#of(node)] as const).filter(
        ([, texts]) => texts.length > 0,
      ),
    );
    this.#tell();
  }

  #of(node: NodeRow): string[] {
    const { owners, intent } = this.#o;
    const services = [...intent.serviceRanges.rows.values()];
    const texts: string[] = [];
    for (const range of podRangesOf(node)) {
      const others = Array.from(owners.sharersOf(range)).filter((name) => name !== node.name);
      if (others.length > 0) {
        texts.push(
          `${range.toString()} is given to pods by ${named(others)} as well (spec.podCIDRs): who has an address of it is known to no other node`,
        );
      }
      const service = services.find((one) => overlaps(one, range));
      if (service !== undefined) {
        texts.push(
          `${range.toString()} of its pods (spec.podCIDRs) meets the range of services ${service.toString()}: a pod at an address of both is nobody`,
        );
      }
    }
    for (const addr of node.addresses.filter(isAddr).map(parseAddr)) {
      const givers = owners.ownersOf(addr);
      if (givers.size === 0) continue;
      const whose = givers.has(node.name)
        ? "it is the node's, and no pod's"
        : 'only pods there may have it, and no other node knows this one by it';
      texts.push(`its address ${addr} lies in a range that ${named([...givers])} gives to pods: ${whose}`);
    }
    return texts;
  }

  /** Each node's agent of its own: all see the same. */
  #tell(): void {
    const { intent, problems, nodeName } = this.#o;
    const texts = this.#found.get(nodeName) ?? [];
    const said = texts.join('; ');
    if (said === this.#told) return;
    this.#told = said;
    const node = intent.nodes.rows.values().find(({ name }) => name === nodeName);
    if (node === undefined) return;
    const subject = { apiVersion: 'v1', kind: 'Node', namespace: '', name: nodeName, uid: node.uid } as const;
    problems.report(
      subject,
      texts.map((message) => ({ reason: 'RangeConflict', message })),
    );
  }
}

const MOST_NAMED = 3;

function named(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  const shown = names.toSorted().slice(0, MOST_NAMED).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}
