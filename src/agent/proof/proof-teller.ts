import type { VerifyView } from '../../api/index.ts';
import { Backoff, type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../../base/index.ts';
import type { SaidProof, TenantRules, TenantTold } from '../../model/index.ts';
import { saidOf } from './said-proof.ts';

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

  constructor(options: ProofTellerOptions) {
    this.#o = options;
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
          this.#backoff.reset();
        } catch (error) {
          this.#o.log.warn({ error: errorMessage(error) }, 'the cluster could not be told what was proved');
          await this.#o.clock.sleep(this.#backoff.next(), signal).catch(() => undefined);
          this.#wanted.resolve();
        }
      }
    });
  }

  async #say(): Promise<void> {
    const { store, node, limited, ineffective } = this.#o;
    const proved = this.#proved;
    const own = node();
    if (own === undefined || proved === undefined) return;
    const proof = saidOf(proved, { limited: await limited(), ineffective: await ineffective() });
    const { at, ...rest } = proof;
    const text = JSON.stringify([own.uid, { ...rest, tenants: [...rest.tenants] }]);
    if (text === this.#said && at - this.#saidAt < AGAIN_MS) return;
    await store.say(own, proof);
    this.#said = text;
    this.#saidAt = at;
  }
}
