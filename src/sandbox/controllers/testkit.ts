import { silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import {
  type ApiServer,
  type ApiStore,
  createApiServer,
  type JsonObject,
  type KubeObject,
  stringAt,
  timestamp,
} from '../apiserver/index.ts';
import { settled } from '../testkit.ts';
import { ControllerManager } from './controller-manager.ts';

export const NAMESPACE = 'default';
export const TEST_TOKEN = 'a-token-for-the-test';

/** Default: ready when it runs, on node-1; the rest is merged into its status. */
type PodState = JsonObject & { readonly ready?: boolean; readonly node?: string };

/** The real API store with the real controllers, a clock of its own, and whoever plays scheduler and kubelet. */
export class TestCluster implements AsyncDisposable {
  readonly clock = new FakeClock(Date.UTC(2026, 0, 1));
  readonly api: ApiServer;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;

  constructor() {
    this.api = createApiServer({ database: ':memory:', token: TEST_TOKEN, log: silentLogger, clock: this.clock });
    const manager = new ControllerManager({ store: this.store, clock: this.clock, log: silentLogger });
    this.#running = manager.run(this.#end.signal);
  }

  get store(): ApiStore {
    return this.api.store;
  }

  /** Runs pods as soon as they are there, until the function that is given back is called. */
  keepPodsRunning(): () => Promise<void> {
    const end = new AbortController();
    const follow = async (): Promise<void> => {
      for await (const _ of this.store.watch('pods', { signal: end.signal })) await this.runPods();
    };
    const done = follow();
    return async () => {
      end.abort();
      await done;
    };
  }

  /** Until all controllers have done what is to be done now. */
  async settle(): Promise<void> {
    await settled(this.store);
  }

  async create(resource: string, name: string, spec: JsonObject, metadata: JsonObject = {}): Promise<KubeObject> {
    const made = this.store.create(resource, { metadata: { name, namespace: NAMESPACE, ...metadata }, spec });
    await this.settle();
    return made;
  }

  get(resource: string, name: string): KubeObject {
    const found = this.store.get(resource, { namespace: NAMESPACE, name });
    if (found === undefined) throw new Error(`${resource}/${name} is not there`);
    return found;
  }

  list(resource: string, labelSelector = ''): KubeObject[] {
    return this.store.list(resource, { namespace: NAMESPACE, labelSelector }).items;
  }

  names(resource: string, labelSelector = ''): string[] {
    return this.list(resource, labelSelector).map(({ metadata }) => metadata.name);
  }

  async patch(resource: string, name: string, body: JsonObject): Promise<void> {
    this.store.patch(resource, { namespace: NAMESPACE, name }, { type: 'merge', body });
    await this.settle();
  }

  async delete(resource: string, name: string, options: Parameters<ApiStore['delete']>[2] = {}): Promise<void> {
    this.store.delete(resource, { namespace: NAMESPACE, name }, options);
    await this.settle();
  }

  async advance(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1_000);
    await this.settle();
  }

  /** What the scheduler and the kubelet say of a pod. */
  setPod(name: string, phase: string, { ready = phase === 'Running', node = 'node-1', ...more }: PodState = {}): void {
    const key = { namespace: NAMESPACE, name };
    if (stringAt(this.store.get('pods', key), 'spec', 'nodeName') === undefined) this.store.bind(key, node);
    const lastTransitionTime = timestamp(this.clock.now());
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }];
    this.store.patchStatus('pods', key, { phase, conditions, ...more });
  }

  /** Starts every pod that waits, and ends every one that is to end, until there is nothing more to do. */
  async runPods(): Promise<void> {
    for (;;) {
      await this.settle();
      const todo = this.list('pods').filter(
        (pod) => pod.metadata.deletionTimestamp !== undefined || stringAt(pod, 'status', 'phase') === 'Pending',
      );
      if (todo.length === 0) return;
      for (const { metadata } of todo) {
        if (metadata.deletionTimestamp === undefined) this.setPod(metadata.name, 'Running');
        else this.store.delete('pods', metadata, { gracePeriodSeconds: 0 });
      }
    }
  }

  events(about: string): string[] {
    return this.list('events')
      .filter((event) => stringAt(event, 'involvedObject', 'name') === about)
      .map((event) => `${stringAt(event, 'type')} ${stringAt(event, 'reason')}: ${stringAt(event, 'message')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#running;
    await this.api.close();
  }
}

/** A spec with `app` as its selector and the label of its template. */
export function workloadSpec(app: string, more: JsonObject = {}, podSpec: JsonObject = {}): JsonObject {
  return {
    selector: { matchLabels: { app } },
    template: {
      metadata: { labels: { app } },
      spec: { containers: [{ name: 'c', image: 'pause:1' }], ...podSpec },
    },
    ...more,
  };
}
