import type { VerifyView } from '../../api/index.ts';
import { Backoff, type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../../base/index.ts';
import type { ObjectProblems } from '../../cluster/index.ts';
import type { SaidProof, TenantRules, TenantTold } from '../../model/index.ts';
import { saidOf } from './said-proof.ts';

/** Of requests in a row: the server may be busy, or just not there. */
const FAILURES_SAID = 3;
/** So often the same is said again: who reads it must know that it is not old. */
const AGAIN_MS = 110_000;

export type ProofTellerOptions = {
  readonly store: {
    readonly say: (node: { readonly name: string; readonly uid: string }, proof: SaidProof) => Promise<void>;
  };
  /** Undefined: the cluster does not know this node. */
  readonly node: () => { readonly name: string; readonly uid: string } | undefined;
  /** Who was refused something for a limit since it was asked before. */
  readonly limited: () => Promise<readonly TenantTold[]>;
  /** How many rules of whose policies have no effect. */
  readonly ineffective: () => Promise<readonly TenantRules[]>;
  readonly problems: Pick<ObjectProblems, 'report'>;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Tells the operator what this node has proved. Who cannot tell goes on proving: what was said gets old by itself. */
export class ProofTeller implements Service {
  readonly #o: ProofTellerOptions;
  readonly #backoff = new Backoff({ initial: 1_000, max: 30_000 });
  #wanted = Promise.withResolvers<void>();
  #proved: VerifyView | undefined;
  #said = '';
  #saidAt = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;
  #failures = 0;

  constructor(options: ProofTellerOptions) {
    this.#o = options;
  }

  /** Why nobody hears of it. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** What was proved last. */
  tell(proved: VerifyView): void {
    this.#proved = proved;
    this.#wanted.resolve();
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('proof teller', async (signal) => {
      signal.addEventListener('abort', () => this.#wanted.resolve(), { once: true });
      for (;;) {
        await this.#wanted.promise;
        if (signal.aborted) return;
        this.#wanted = Promise.withResolvers();
        try {
          await this.#say();
          this.#problem = undefined;
          this.#failures = 0;
          this.#backoff.reset();
        } catch (error) {
          this.#fail(errorMessage(error));
          await this.#o.clock.sleep(this.#backoff.next(), signal).catch(() => undefined);
          this.#wanted.resolve();
        }
      }
    });
  }

  #fail(problem: string): void {
    const { log, node, problems } = this.#o;
    log.warn({ error: problem }, 'the cluster could not be told what was proved');
    this.#problem = problem;
    this.#failures += 1;
    const own = node();
    if (this.#failures !== FAILURES_SAID || own === undefined) return;
    const subject = { apiVersion: 'v1', kind: 'Node', namespace: '', ...own };
    const message = `what it has proved of tenants is not taken, which they show as Unknown: ${problem}`;
    problems.report(subject, [{ reason: 'ProofNotTold', message }]);
  }

  async #say(): Promise<void> {
    const { store, node, limited, ineffective, clock } = this.#o;
    const proved = this.#proved;
    const own = node();
    if (own === undefined || proved === undefined) return;
    const proof = saidOf(proved, { limited: await limited(), ineffective: await ineffective() });
    const { at: _, ...rest } = proof;
    const text = JSON.stringify([own.uid, { ...rest, tenants: [...rest.tenants] }]);
    const now = clock.elapsed();
    if (text === this.#said && now - this.#saidAt < AGAIN_MS) return;
    await store.say(own, proof);
    this.#said = text;
    this.#saidAt = now;
  }
}
