import { PrefixIndex } from '../identity/index.ts';
import { type Addr, Prefix } from '../net/index.ts';

const NOTHING: readonly Prefix[] = [];

/** Whose pods may have an address: the nodes whose Node objects say that they give it out. */
export class RangeOwners {
  readonly #index = new PrefixIndex<Set<string>>();
  readonly #ranges = new Map<string, readonly Prefix[]>();
  #version = 0;

  /** Another number whenever an address may be another node's to give. */
  get version(): number {
    return this.#version;
  }

  /** Returns nodes whose part may be another now: the node itself, and whose ranges meet one that it had or has. */
  set(node: string, ranges: readonly Prefix[]): ReadonlySet<string> {
    const before = this.#ranges.get(node) ?? NOTHING;
    const concerned = new Set([node]);
    if (before.length === ranges.length && before.every((prefix, i) => ranges[i]?.equals(prefix))) return concerned;
    this.#version += 1;
    for (const prefix of before) {
      const owners = this.#index.get(prefix);
      owners?.delete(node);
      if (owners?.size === 0) this.#index.delete(prefix);
    }
    for (const prefix of ranges) {
      const owners = this.#index.get(prefix);
      if (owners === undefined) this.#index.set(prefix, new Set([node]));
      else owners.add(node);
    }
    if (ranges.length === 0) this.#ranges.delete(node);
    else this.#ranges.set(node, ranges);
    for (const prefix of [...before, ...ranges]) {
      for (const owners of this.#index.covering(prefix)) for (const owner of owners) concerned.add(owner);
      for (const owners of this.#index.within(prefix)) for (const owner of owners) concerned.add(owner);
    }
    return concerned;
  }

  /** All of them; of an honest cluster one. */
  ownersOf(addr: Addr): ReadonlySet<string> {
    const found = new Set<string>();
    for (const owners of this.#index.covering(Prefix.host(addr))) for (const owner of owners) found.add(owner);
    return found;
  }

  /** Nodes that give out addresses of this range, whole or in part. */
  sharersOf(range: Prefix): ReadonlySet<string> {
    const found = new Set<string>();
    for (const walk of [this.#index.covering(range), this.#index.within(range)]) {
      for (const owners of walk) for (const owner of owners) found.add(owner);
    }
    return found;
  }
}
