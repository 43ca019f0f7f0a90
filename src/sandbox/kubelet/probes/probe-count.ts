import type { Probe } from '../../client/index.ts';

/** Counts results in a row against a probe's thresholds. */
export class ProbeCount {
  /** Undefined: not known yet, and neither good nor bad. */
  verdict: boolean | undefined;
  readonly #probe: Pick<Probe, 'successThreshold' | 'failureThreshold'>;
  #row = 0;
  #last: boolean | undefined;

  constructor(probe: Pick<Probe, 'successThreshold' | 'failureThreshold'>, initial?: boolean) {
    this.#probe = probe;
    this.verdict = initial;
  }

  /** True when the verdict has changed. */
  add(success: boolean): boolean {
    this.#row = success === this.#last ? this.#row + 1 : 1;
    this.#last = success;
    const wanted = success ? this.#probe.successThreshold : this.#probe.failureThreshold;
    if (success === this.verdict || this.#row < wanted) return false;
    this.verdict = success;
    return true;
  }
}
