import { type Family, Prefix } from '../net/index.ts';

type Node<T> = {
  readonly prefix: Prefix;
  value: T | undefined;
  readonly children: [Node<T> | undefined, Node<T> | undefined];
};

/**
 * Values by prefix, in a binary trie without nodes that only lead on: what covers a prefix and what lies within one is
 * found without looking at the others, whatever prefixes there are.
 */
export class PrefixIndex<T> {
  readonly #roots = new Map<Family, Node<T>>();
  #size = 0;

  /** How many nodes the trie has: at most twice as many as there are values. */
  get nodes(): number {
    return this.#size;
  }

  get(prefix: Prefix): T | undefined {
    for (const node of this.#path(prefix)) if (node.prefix.length === prefix.length) return node.value;
    return undefined;
  }

  set(prefix: Prefix, value: T): void {
    const node = this.#node(prefix);
    node.value = value;
  }

  delete(prefix: Prefix): void {
    const path = [...this.#path(prefix)];
    const node = path.at(-1);
    if (node?.prefix.length !== prefix.length) return;
    node.value = undefined;
    // A node that has no value is there for two children only.
    for (let at = path.length - 1; at >= 0; at -= 1) {
      const own = path[at];
      if (own === undefined || own.value !== undefined) return;
      const [zero, one] = own.children;
      if (zero !== undefined && one !== undefined) return;
      this.#replace(prefix.family, path[at - 1], own, zero ?? one);
      this.#size -= 1;
    }
  }

  /** Values of the prefix and of all around it, the widest first. */
  *covering(prefix: Prefix): Generator<T, void, void> {
    for (const { value } of this.#path(prefix)) if (value !== undefined) yield value;
  }

  /** Values of the prefix and of all inside it. */
  *within(prefix: Prefix): Generator<T, void, void> {
    let top = this.#roots.get(prefix.family);
    while (top !== undefined && top.prefix.length < prefix.length) {
      top = top.prefix.contains(prefix) ? top.children[bitAt(prefix, top.prefix.length)] : undefined;
    }
    const open = top !== undefined && prefix.contains(top.prefix) ? [top] : [];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node.value !== undefined) yield node.value;
      for (const child of node.children) if (child !== undefined) open.push(child);
    }
  }

  *#path(prefix: Prefix): Generator<Node<T>, void, void> {
    let node = this.#roots.get(prefix.family);
    while (node?.prefix.contains(prefix)) {
      yield node;
      if (node.prefix.length === prefix.length) return;
      node = node.children[bitAt(prefix, node.prefix.length)];
    }
  }

  #node(prefix: Prefix): Node<T> {
    let above: Node<T> | undefined;
    let node = this.#roots.get(prefix.family);
    while (node?.prefix.contains(prefix)) {
      if (node.prefix.length === prefix.length) return node;
      above = node;
      node = node.children[bitAt(prefix, node.prefix.length)];
    }
    const fresh = this.#make(prefix);
    if (node === undefined) {
      this.#attach(prefix.family, above, fresh);
      return fresh;
    }
    if (prefix.contains(node.prefix)) {
      fresh.children[bitAt(node.prefix, prefix.length)] = node;
      this.#replace(prefix.family, above, node, fresh);
      return fresh;
    }
    const fork = this.#make(common(prefix, node.prefix));
    fork.children[bitAt(node.prefix, fork.prefix.length)] = node;
    fork.children[bitAt(prefix, fork.prefix.length)] = fresh;
    this.#replace(prefix.family, above, node, fork);
    return fresh;
  }

  #make(prefix: Prefix): Node<T> {
    this.#size += 1;
    return { prefix, value: undefined, children: [undefined, undefined] };
  }

  #attach(family: Family, above: Node<T> | undefined, node: Node<T>): void {
    if (above === undefined) this.#roots.set(family, node);
    else above.children[bitAt(node.prefix, above.prefix.length)] = node;
  }

  #replace(family: Family, above: Node<T> | undefined, old: Node<T>, node: Node<T> | undefined): void {
    if (above !== undefined) above.children[above.children[0] === old ? 0 : 1] = node;
    else if (node === undefined) this.#roots.delete(family);
    else this.#roots.set(family, node);
  }
}

/** The bit behind the first `index` ones. */
function bitAt(prefix: Prefix, index: number): 0 | 1 {
  return (prefix.value >> BigInt(prefix.bits - 1 - index)) & 1n ? 1 : 0;
}

/** The longest prefix around both, which differ. */
function common(a: Prefix, b: Prefix): Prefix {
  const differing = (a.value ^ b.value).toString(2).length;
  const length = Math.min(a.length, b.length, a.value === b.value ? a.bits : a.bits - differing);
  return Prefix.ofValue(a.family, a.value, length);
}
