import { invalid } from './invalid.ts';

/** Some 20 ns each: a flow is judged in a third of a millisecond at most, however many look for something. */
const MOST = 16_384;

/**
 * What the filters of one request may cost for each flow, and to be read. Whoever may look at flows at all must not keep a node
 * from all else that it does.
 */
export class Budget {
  #left = MOST;

  /** InvalidArgument when that is more than is left. */
  spend(cost: number, what: string): void {
    this.#left -= cost;
    if (!(this.#left >= 0)) throw invalid(`the filters cost too much for each flow: fewer ${what}, or simpler ones`);
  }
}

/** Of a prefix that an address may lie in. */
export const PREFIX = 4;

/** Of a label that is looked for among those of a pod. */
const LABEL = 16;

/** Of a selector in text: its parts are no more than its commas and one. */
export const labelCost = (selector: string): number => selector.split(',').length * LABEL;
