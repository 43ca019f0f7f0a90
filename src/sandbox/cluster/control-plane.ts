import { errorMessage, type Logger, systemClock } from '../../base/index.ts';
import type { ApiServer, ApiStore } from '../apiserver/index.ts';
import { EventRecorder, Informer, type Node, nodeSchema, type Pod, podSchema } from '../client/index.ts';
import { ControllerManager, EndpointSliceController, PodsOfGoneNodes, Scheduler } from '../controllers/index.ts';

/** A cluster without its nodes: the API server, the controllers on it, and what is known of pods and nodes. */
export class ControlPlane {
  readonly api: ApiServer;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly #scheduler: Scheduler;
  readonly #goneNodes: PodsOfGoneNodes;
  readonly #slices: EndpointSliceController;
  readonly #controllers: ControllerManager;
  readonly #watching = new AbortController();
  readonly #log: Logger;

  constructor(api: ApiServer, log: Logger) {
    const { store } = api;
    this.api = api;
    this.#log = log;
    this.pods = new Informer<Pod>({ store, resource: 'pods', parse: (o) => podSchema.parse(o), log });
    this.nodes = new Informer<Node>({ store, resource: 'nodes', parse: (o) => nodeSchema.parse(o), log });
    const events = new EventRecorder({ store, component: 'default-scheduler', log });
    this.#scheduler = new Scheduler({ store, pods: this.pods, nodes: this.nodes, events, log });
    this.#goneNodes = new PodsOfGoneNodes({ store, pods: this.pods, nodes: this.nodes });
    this.#slices = new EndpointSliceController({ store, log });
    this.#controllers = new ControllerManager({ store, clock: systemClock, log });
  }

  get store(): ApiStore {
    return this.api.store;
  }

  start(): void {
    const { signal } = this.#watching;
    for (const follower of [this.pods, this.nodes, this.#slices, this.#controllers]) {
      void follower.run(signal).catch((error: unknown) => {
        if (!signal.aborted) this.#log.error({ error: errorMessage(error) }, 'watch ended');
      });
    }
    this.#scheduler.start();
    this.#goneNodes.start(signal);
  }

  /** Nobody acts on the API any more; it still answers, until `close`. */
  stop(): void {
    this.#scheduler.stop();
    this.#watching.abort();
  }

  async close(): Promise<void> {
    await this.api.close();
  }
}
