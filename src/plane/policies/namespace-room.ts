import type { PolicyKey } from '../../model/index.ts';

/** Who has how many of what no namespace may have more than its share of. */
export class NamespaceRoom {
  /** Of one namespace. */
  readonly limit: number;
  readonly #byPolicy = new Map<PolicyKey, { readonly namespace: string; readonly count: number }>();
  readonly #byNamespace = new Map<string, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Replaces what the policy has. False: the namespace has no room for that many, and the policy now has none. */
  take(policy: PolicyKey, namespace: string, count: number): boolean {
    this.give(policy);
    if (count === 0) return true;
    const used = this.#byNamespace.get(namespace) ?? 0;
    if (used + count > this.limit) return false;
    this.#byPolicy.set(policy, { namespace, count });
    this.#byNamespace.set(namespace, used + count);
    return true;
  }

  give(policy: PolicyKey): void {
    const had = this.#byPolicy.get(policy);
    if (had === undefined) return;
    this.#byPolicy.delete(policy);
    const left = (this.#byNamespace.get(had.namespace) ?? 0) - had.count;
    if (left > 0) this.#byNamespace.set(had.namespace, left);
    else this.#byNamespace.delete(had.namespace);
  }

  free(namespace: string): number {
    return this.limit - (this.#byNamespace.get(namespace) ?? 0);
  }
}
