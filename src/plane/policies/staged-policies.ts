import type { PolicyEntry, PolicyKey } from '../../model/index.ts';

/** Policies that are looked at and not enforced: what they would say. Nothing that decides reads this. */
export class StagedPolicies {
  readonly #policies = new Map<PolicyKey, readonly PolicyEntry[]>();
  #version = 0;

  /** Another number after each change. */
  get version(): number {
    return this.#version;
  }

  get policies(): ReadonlyMap<PolicyKey, readonly PolicyEntry[]> {
    return this.#policies;
  }

  set(key: PolicyKey, entries: readonly PolicyEntry[]): void {
    this.#policies.set(key, entries);
    this.#version += 1;
  }

  delete(key: PolicyKey): void {
    if (this.#policies.delete(key)) this.#version += 1;
  }
}
