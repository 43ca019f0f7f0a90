import { type Clock, errorMessage, type Logger } from '../../../base/index.ts';
import type { ApiStore, KubeObject } from '../../apiserver/index.ts';
import { EventRecorder, Informer } from '../../client/index.ts';

/** What all controllers stand on. */
export type ControllerContext = {
  readonly store: ApiStore;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Logger;
};

export function recorderFor({ store, clock, log }: ControllerContext, component: string): EventRecorder {
  return new EventRecorder({ store, component, clock, log });
}

/** One watch of each resource for all controllers. It tells that something changed; what is there, the store says. */
export class Informers {
  readonly #options: { readonly store: ApiStore; readonly log: Logger };
  readonly #byResource = new Map<string, Informer<KubeObject>>();
  #signal: AbortSignal | undefined;

  constructor(options: { readonly store: ApiStore; readonly log: Logger }) {
    this.#options = options;
  }

  /** Whoever asks after `run` gets one that runs. */
  of(resource: string): Informer<KubeObject> {
    const known = this.#byResource.get(resource);
    if (known !== undefined) return known;
    const parse = (object: unknown): KubeObject => object as KubeObject;
    const informer = new Informer<KubeObject>({ ...this.#options, resource, parse });
    this.#byResource.set(resource, informer);
    if (this.#signal !== undefined) this.#runLate(informer, this.#signal);
    return informer;
  }

  #runLate(informer: Informer<KubeObject>, signal: AbortSignal): void {
    informer.run(signal).catch((error: unknown) => {
      if (!signal.aborted) this.#options.log.error({ error: errorMessage(error) }, 'watch ended');
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    await Promise.all([...this.#byResource.values()].map((informer) => informer.run(signal)));
  }
}
