import type { ApiStore } from '../apiserver/index.ts';
import type { Informer, Node, Pod } from '../client/index.ts';

export type PodsOfGoneNodesOptions = {
  readonly store: ApiStore;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
};

/**
 * Deletes the pods of a node that is deleted: nobody is there who could say that they have ended. A cluster's pod garbage
 * collector does so after 40 seconds.
 */
export class PodsOfGoneNodes {
  readonly #o: PodsOfGoneNodesOptions;

  constructor(options: PodsOfGoneNodesOptions) {
    this.#o = options;
  }

  start(signal: AbortSignal): void {
    const { nodes, pods, store } = this.#o;
    const end = nodes.onChange(({ next, previous }) => {
      const gone = next === undefined ? previous?.metadata.name : undefined;
      if (gone === undefined) return;
      for (const { metadata, spec } of pods.list()) {
        if (spec.nodeName !== gone) continue;
        const { namespace, name } = metadata;
        if (store.get('pods', { namespace, name })?.metadata.uid !== metadata.uid) continue;
        store.delete('pods', { namespace, name }, { gracePeriodSeconds: 0 });
      }
    });
    signal.addEventListener('abort', end, { once: true });
  }
}
