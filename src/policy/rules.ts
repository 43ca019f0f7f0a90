import { type RuleId, type RuleOrigin, ruleId } from '../model/index.ts';

/** 0: no rule, a default decided. */
export const DEFAULT_RULE: RuleId = ruleId(0);

/**
 * Numbers for rules, so that an event of the kernel can say which rule decided. A rule keeps its number for the life of
 * the process, also across updates and re-creation of its policy under the same uid.
 */
export class RuleTable {
  readonly #ids = new Map<string, RuleId>();
  readonly #origins: RuleOrigin[] = [];

  intern(origin: RuleOrigin): RuleId {
    const { kind, namespace, name, uid, direction, rule } = origin;
    const key = JSON.stringify([kind, namespace ?? null, name, uid ?? null, direction, rule ?? null]);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = ruleId(this.#origins.push(origin));
    this.#ids.set(key, id);
    return id;
  }

  /** undefined for 0 and for numbers never given. */
  get(id: RuleId): RuleOrigin | undefined {
    return this.#origins[id - 1];
  }

  get size(): number {
    return this.#origins.length;
  }
}
