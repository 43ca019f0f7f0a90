import type { VerifyView } from '../../api/index.ts';
import {
  type Clock,
  errorMessage,
  isMembraneError,
  type Lifecycle,
  type Logger,
  type Service,
} from '../../base/index.ts';
import type { Registry } from '../../base/metrics.ts';
import type { Engine } from '../../plane/index.ts';
import { proofMetrics } from './proof-metrics.ts';
import type { ProofTeller } from './proof-teller.ts';
import type { Verified, Verifier } from './verify.ts';

const EVERY_MS = 60_000;
/** Before the first, and until decisions have reached the kernel. */
const SOON_MS = 5_000;
/** Of one processor at most: where a proof takes longer than a second they are rarer. */
const SHARE = 1 / 60;
/** However long one takes. */
const MOST_REST_MS = 120_000;
/** From then on a proof says nothing any more; the operator counts as well. */
const MOST_AGE_MS = 300_000;

export type ProofWatchOptions = {
  readonly verifier: Pick<Verifier, 'everybody'>;
  readonly engine: Pick<Engine, 'converged'>;
  /** Hears of each proof that came to an end. */
  readonly teller: Pick<ProofTeller, 'start' | 'tell' | 'problem'>;
  /** Another object after each change of Tenants. */
  readonly tenancy: () => object;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Proves again and again that this node's kernel is as it is meant, and says where it is not. Whoever writes into its maps tells
 * nobody, so there is nothing to wait for: the maps are read each minute, and more rarely where that takes long. What they say is
 * held against what is meant where either is other than at the last reading.
 */
export class ProofWatch implements Service {
  readonly #o: ProofWatchOptions;
  #verified: Verified | undefined;
  #failure: string | undefined;
  /** When that was; of the clock that nobody sets. */
  #at = Number.NaN;
  #began = Number.NaN;
  #spentUntil = 0;
  #tenancy: object | undefined;
  #told = '';

  constructor(options: ProofWatchOptions) {
    this.#o = options;
    const { registry, clock } = options;
    proofMetrics(registry, { clock, last: () => this.#last, at: () => this.#at });
  }

  get #last(): VerifyView | undefined {
    return this.#verified?.view;
  }

  /** What is wrong, and what there is to say when nothing is. A proof that is too old says nothing. */
  get standing(): { readonly problems: readonly string[]; readonly fine: string } {
    if (this.#failure !== undefined) return { problems: [this.#failure], fine: '' };
    const now = this.#o.clock.elapsed();
    const isOld = now - (this.#last === undefined ? this.#began : this.#at) > MOST_AGE_MS;
    if (this.#last === undefined) {
      return { problems: isOld ? ['nothing could be proved since the agent began'] : [], fine: 'not proved yet' };
    }
    const age = Math.round((now - this.#at) / 1_000);
    const found = alarms(this.#last);
    return {
      problems: isOld ? [...found, `the last proof is ${age} s old`] : found,
      fine: `the kernel is as it is meant, ${this.#last.pairs.length} pairs of tenants, proved ${age} s ago`,
    };
  }

  /** Why the cluster does not hear of it. */
  get untold(): string | undefined {
    return this.#o.teller.problem;
  }

  /** What was proved last, unless that says nothing any more. `isOfNow`: Tenants are what they were then. */
  get last():
    | { readonly view: VerifyView; readonly isOfNow: boolean }
    | { readonly view: undefined; readonly silent: string } {
    const { clock, tenancy } = this.#o;
    if (this.#failure !== undefined) return { view: undefined, silent: this.#failure };
    if (this.#last === undefined) return { view: undefined, silent: 'not proved yet' };
    const age = clock.elapsed() - this.#at;
    if (age > MOST_AGE_MS) return { view: undefined, silent: `the last proof is ${Math.round(age / 1_000)} s old` };
    return { view: this.#last, isOfNow: tenancy() === this.#tenancy };
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    await this.#o.teller.start(lifecycle);
    lifecycle.spawn('proof', async (signal) => {
      this.#began = this.#o.clock.elapsed();
      let due = 0;
      while (!signal.aborted) {
        await this.#o.clock.sleep(SOON_MS, signal).catch(() => undefined);
        if (signal.aborted) return;
        const now = this.#o.clock.elapsed();
        const isAsked = this.#o.tenancy() !== this.#tenancy && now >= this.#spentUntil;
        if (!this.#o.engine.converged || (now < due && !isAsked)) continue;
        const spentMs = Math.min(MOST_REST_MS, (await this.#look()) / SHARE);
        this.#spentUntil = this.#o.clock.elapsed() + spentMs;
        due = now + Math.max(EVERY_MS, spentMs);
      }
    });
  }

  /** Proves at once, as somebody asks, and all of it. E_PLANE_UNSETTLED. */
  async prove(): Promise<VerifyView> {
    return await this.#prove(undefined);
  }

  async #prove(last: Verified | undefined): Promise<VerifyView> {
    const { verifier, clock, log, tenancy, teller } = this.#o;
    const of = tenancy();
    const verified = await verifier.everybody(last);
    const { view: proved } = verified;
    this.#verified = verified;
    this.#at = clock.elapsed();
    this.#tenancy = of;
    this.#failure = undefined;
    const found = alarms(proved);
    const told = found.join('\n');
    if (told !== this.#told && found.length > 0) log.error({ alarms: found }, 'the kernel is not as it is meant');
    this.#told = told;
    teller.tell(proved);
    return proved;
  }

  /** How long it took, ms, whether anything came of it or not. */
  async #look(): Promise<number> {
    const { clock, log } = this.#o;
    const began = clock.elapsed();
    try {
      return (await this.#prove(this.#verified)).tookMs;
    } catch (error) {
      // Policies that change all the time: the last proof gets older, and says so.
      if (!isMembraneError(error, 'E_PLANE_UNSETTLED')) {
        this.#failure = `nothing can be proved: ${errorMessage(error)}`;
        log.error({ error: this.#failure }, 'the proof failed');
      }
      return clock.elapsed() - began;
    }
  }
}

const MOST = 5;

function alarms({ differences, more, pairs }: VerifyView): string[] {
  const broken = pairs.flatMap(({ from, to, standing }) =>
    standing === 'broken' ? [`${from || '(none)'} -> ${to || '(none)'} is broken`] : [],
  );
  const texts = differences.map(({ layer, from, to, packets, rows }) => {
    const who = from === undefined ? '' : `, ${from} -> ${to}`;
    return `${layer}${who}${packets === undefined ? '' : ` ${packets}`}: ${rows.join('; ')}`;
  });
  const all = [...broken, ...texts];
  const rest = all.length - MOST + more;
  return rest > 0 ? [...all.slice(0, MOST), `and ${rest} more`] : all;
}
