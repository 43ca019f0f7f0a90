import type { ServiceProblem } from '../model/index.ts';

/** Of one reason on one service: what hostile objects say a thousand times is said a few times. */
const MAX_OF_A_REASON = 5;
const MAX_LENGTH = 500;

/** Collects what is wrong with one service, in the order of its finding. */
export class Problems {
  readonly #byReason = new Map<string, { messages: Set<string>; more: number }>();

  /** Messages quote what anybody may write into an object, and terminals show them: no control characters. */
  add(reason: string, text: string): void {
    const message = text.slice(0, MAX_LENGTH).replaceAll(/\p{C}/gu, '\ufffd');
    const known = this.#byReason.get(reason) ?? { messages: new Set<string>(), more: 0 };
    this.#byReason.set(reason, known);
    if (known.messages.has(message)) return;
    if (known.messages.size < MAX_OF_A_REASON) known.messages.add(message);
    else known.more += 1;
  }

  list(): ServiceProblem[] {
    return [...this.#byReason].flatMap(([reason, { messages, more }]) => [
      ...Array.from(messages, (message) => ({ reason, message })),
      ...(more === 0 ? [] : [{ reason, message: `and ${more} more` }]),
    ]);
  }
}
