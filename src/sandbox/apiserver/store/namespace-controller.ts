import { errorMessage, type Logger } from '../../../base/index.ts';
import { ROOT_CA } from '../auth/pod-token-mount.ts';
import { clone, type JsonObject, listAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import type { ResourceDefinition } from '../resource.ts';
import { isApiError } from '../status.ts';
import type { ApiStore } from './api-store.ts';

export type NamespaceControllerOptions = {
  readonly log: Logger;
  /** See `ApiServerOptions`. */
  readonly deletionDelayMs: number;
  readonly ca?: string | undefined;
};

/**
 * Ends namespaces: once one is deleted, everything in it is deleted, and when the last object is gone, the namespace goes.
 * Also gives each its `default` service account, and what its pods know the API server by.
 */
export class NamespaceController {
  readonly #store: ApiStore;
  readonly #log: Logger;
  readonly #deletionDelayMs: number;
  readonly #unsubscribe: (() => void)[] = [];
  readonly #pending = new Set<string>();
  readonly #followed = new Set<string>();
  readonly #ca: string | undefined;
  #stopped = false;

  constructor(store: ApiStore, options: NamespaceControllerOptions) {
    this.#store = store;
    this.#log = options.log;
    this.#deletionDelayMs = options.deletionDelayMs;
    this.#ca = options.ca;
  }

  start(): void {
    const { storage, catalog } = this.#store;
    this.#unsubscribe.push(
      storage.subscribe('namespaces', storage.revision, (event) => {
        const { name, deletionTimestamp } = event.current.object.metadata;
        if (event.type !== 'DELETED') this.#enqueue(name, deletionTimestamp === undefined ? 0 : this.#deletionDelayMs);
      }),
    );
    for (const definition of catalog.all) this.#follow(definition);
    this.#unsubscribe.push(catalog.onChange((added) => added !== undefined && this.#follow(added)));
    for (const stored of storage.list('namespaces')) this.#enqueue(stored.object.metadata.name);
  }

  /** The last object of a namespace that goes may be of this kind. */
  #follow({ resource, namespaced }: ResourceDefinition): void {
    const { storage } = this.#store;
    if (!namespaced || this.#followed.has(resource)) return;
    this.#followed.add(resource);
    this.#unsubscribe.push(
      storage.subscribe(resource, storage.revision, (event) => {
        if (event.type === 'DELETED') this.#enqueue(event.current.object.metadata.namespace ?? '');
      }),
    );
  }

  stop(): void {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }

  /** Later, not within the write that caused it: a watcher must not change what is being published. */
  #enqueue(name: string, delay = 0): void {
    if (this.#pending.has(name)) return;
    this.#pending.add(name);
    const timer = setTimeout(() => {
      this.#pending.delete(name);
      if (this.#stopped) return;
      try {
        this.#sync(name);
      } catch (error) {
        this.#log.error({ namespace: name, error: errorMessage(error) }, 'namespace could not be brought on');
      }
    }, delay);
    timer.unref();
  }

  #sync(name: string): void {
    const namespace = this.#store.get('namespaces', { name });
    if (namespace === undefined) return;
    if (namespace.metadata.deletionTimestamp === undefined) this.#furnish(name);
    else this.#terminate(namespace);
  }

  #furnish(namespace: string): void {
    if (this.#store.get('serviceaccounts', { namespace, name: 'default' }) === undefined) {
      this.#store.create('serviceaccounts', { metadata: { name: 'default', namespace } });
    }
    if (this.#ca === undefined || this.#store.get('configmaps', { namespace, name: ROOT_CA }) !== undefined) return;
    this.#store.create('configmaps', { metadata: { name: ROOT_CA, namespace }, data: { 'ca.crt': this.#ca } });
  }

  #terminate(namespace: KubeObject): void {
    const { name } = namespace.metadata;
    let left = 0;
    for (const { resource } of this.#store.catalog.namespaced) {
      for (const { object } of this.#store.storage.list(resource, name)) {
        if (object.metadata.deletionTimestamp === undefined) this.#delete(resource, name, object.metadata.name);
        if (this.#store.storage.get(resource, name, object.metadata.name) !== undefined) left += 1;
      }
    }
    if (left > 0 || listAt(namespace, 'spec', 'finalizers').length === 0) return;
    this.finalize(name, []);
  }

  #delete(resource: string, namespace: string, name: string): void {
    try {
      this.#store.delete(resource, { namespace, name });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }

  /** Sets the namespace's own finalizers; without any (and none in its metadata) it goes. */
  finalize(name: string, finalizers: string[]): KubeObject | undefined {
    const old = this.#store.get('namespaces', { name });
    if (old === undefined) return undefined;
    const next = clone(old as JsonObject) as KubeObject;
    next['spec'] = { ...(next['spec'] as JsonObject | undefined), finalizers };
    const stored = this.#store.storage.put('namespaces', next).object;
    if (finalizers.length === 0 && stored.metadata.deletionTimestamp !== undefined) {
      if ((stored.metadata.finalizers ?? []).length === 0) this.#store.storage.remove('namespaces', '', name);
    }
    return stored;
  }
}
