import { type Clock, errorMessage, type Lifecycle, type Service } from '../../base/index.ts';
import type { ClusterNumbers } from '../../identity/index.ts';
import type { IdentityReceipts } from '../../kube/index.ts';

/** Many marks come at once: they are heard of together. */
const GATHER_MS = 500;
/** Somebody may have taken it away. Saying the same again changes nothing. */
const AGAIN_MS = 300_000;

export type ReceiptOptions = {
  readonly numbers: Pick<ClusterNumbers, 'heard' | 'heardMore'>;
  readonly receipts: Pick<IdentityReceipts, 'announce' | 'give'>;
  readonly node: string;
  readonly clock: Pick<Clock, 'sleep'>;
};

/**
 * Tells the collector of numbers what this node has heard (ADR 19): first that it is there, for a node that he does not know
 * of he does not wait for.
 */
export class Receipt implements Service {
  /** This node is known to whoever collects. */
  readonly announced: Promise<void>;
  readonly #o: ReceiptOptions;
  readonly #announce: () => void;
  #problem: string | undefined;
  #wake: (() => void) | undefined;

  constructor(options: ReceiptOptions) {
    this.#o = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.announced = promise;
    this.#announce = resolve;
    options.numbers.heardMore.listen(() => this.#wake?.());
  }

  /** Why whoever collects does not hear of this node: before he has once, it knows no numbers at all. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('identity receipt', async (signal) => {
      const { numbers, receipts, node, clock } = this.#o;
      await this.#tell(receipts.announce(node));
      this.#announce();
      let told = 0;
      while (!signal.aborted) {
        if (numbers.heard === told) await this.#more(signal);
        await clock.sleep(GATHER_MS, signal).catch(() => undefined);
        const { heard } = numbers;
        // 0 says nothing that the announcement did not, and less than an earlier life may have said.
        if (heard > 0 && !signal.aborted) await this.#tell(receipts.give(node, heard));
        told = heard;
      }
    });
  }

  /** Throws what the request does: it is begun anew then. */
  async #tell(request: Promise<void>): Promise<void> {
    try {
      await request;
      this.#problem = undefined;
    } catch (error) {
      this.#problem = errorMessage(error);
      throw error;
    }
  }

  /** Resolves when more was heard, or it is time to say it again. */
  async #more(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const pause = new AbortController();
    await Promise.race([promise, this.#o.clock.sleep(AGAIN_MS, AbortSignal.any([signal, pause.signal]))]).catch(
      () => undefined,
    );
    pause.abort();
    this.#wake = undefined;
  }
}
