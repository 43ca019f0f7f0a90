import { DEFAULT_RULE, type RuleId, type RuleOrigin, ruleId } from '../../model/index.ts';

/** So many released numbers keep their meaning, the latest ones: flows that still lie in the ring name them. */
const RESTING = 4096;

type Rule = { readonly id: RuleId; readonly key: string; readonly origin: RuleOrigin; users: number };

/**
 * Numbers for rules, so that an event of the kernel can say which rule decided. The number follows from the rule's
 * policy, its uid, direction and place, so that a restarted agent gives the same ones and finds its tables as they were.
 */
export class RuleTable {
  readonly #byKey = new Map<string, Rule>();
  readonly #byId = new Map<RuleId, Rule>();
  readonly #resting = new Set<Rule>();

  /** The rule's number, with one more user. */
  acquire(origin: RuleOrigin): RuleId {
    const key = keyOf(origin);
    const rule = this.#byKey.get(key) ?? this.#add(key, origin);
    rule.users += 1;
    this.#resting.delete(rule);
    return rule.id;
  }

  /** One user less; with the last one the number rests, and then may mean another rule. */
  release(id: RuleId): void {
    const rule = this.#byId.get(id);
    if (rule === undefined || rule.users === 0) return;
    rule.users -= 1;
    if (rule.users > 0) return;
    this.#resting.add(rule);
    if (this.#resting.size <= RESTING) return;
    const [oldest] = this.#resting;
    if (oldest !== undefined) this.#forget(oldest);
  }

  /** 0 for a rule that has none: asking gives no number. */
  find(origin: RuleOrigin): RuleId {
    return this.#byKey.get(keyOf(origin))?.id ?? DEFAULT_RULE;
  }

  /** undefined for 0, and for numbers never given or forgotten. */
  get(id: RuleId): RuleOrigin | undefined {
    return this.#byId.get(id)?.origin;
  }

  get size(): number {
    return this.#byId.size;
  }

  #add(key: string, origin: RuleOrigin): Rule {
    let number = hash(key);
    while (number === 0 || this.#byId.has(ruleId(number))) number = (number + 1) >>> 0;
    const rule: Rule = { id: ruleId(number), key, origin, users: 0 };
    this.#byKey.set(key, rule);
    this.#byId.set(rule.id, rule);
    return rule;
  }

  #forget(rule: Rule): void {
    this.#resting.delete(rule);
    this.#byKey.delete(rule.key);
    this.#byId.delete(rule.id);
  }
}

const keyOf = ({ kind, namespace, name, uid, direction, rule }: RuleOrigin): string =>
  JSON.stringify([kind, namespace ?? null, name, uid ?? null, direction, rule ?? null]);

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x0100_0193) >>> 0;
  }
  return value;
}
