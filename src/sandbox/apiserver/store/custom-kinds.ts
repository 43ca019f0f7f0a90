import { errorMessage, type Logger } from '../../../base/index.ts';
import { customKind, storageVersion } from '../custom/definition.ts';
import { clone, equal, type JsonObject, listAt, objectAt, stringAt } from '../json.ts';
import { type KubeObject, timestamp } from '../object.ts';
import { CLEANUP_FINALIZER } from '../resources/custom-resource-definitions.ts';
import type { ApiStore } from './api-store.ts';

const CRDS = 'customresourcedefinitions';

/** Serves the kinds that CustomResourceDefinitions define, as long as they are there. */
export class CustomKinds {
  readonly #store: ApiStore;
  readonly #log: Logger;
  readonly #now: () => number;
  #unsubscribe: (() => void) | undefined;
  /** Plural names, by the name of the definition. */
  readonly #served = new Map<string, string>();
  readonly #pending = new Set<string>();

  constructor(store: ApiStore, options: { readonly log: Logger; readonly now: () => number }) {
    this.#store = store;
    this.#log = options.log;
    this.#now = options.now;
  }

  start(): void {
    const { storage } = this.#store;
    for (const { object } of storage.list(CRDS)) this.#follow(object);
    this.#unsubscribe = storage.subscribe(CRDS, storage.revision, ({ type, current: { object } }) => {
      if (type === 'DELETED') this.#forget(object.metadata.name);
      else this.#follow(object);
    });
  }

  stop(): void {
    this.#unsubscribe?.();
  }

  /** At once: who made the definition may use it with the next request. What is written about it comes later. */
  #follow(crd: KubeObject): void {
    const { name } = crd.metadata;
    const made = customKind(crd);
    const { catalog } = this.#store;
    if (this.#served.has(name) && made !== undefined) catalog.replace(made.stored, made.served);
    else if (made !== undefined && catalog.conflictOf(made.stored) === undefined) {
      catalog.replace(made.stored, made.served);
      this.#served.set(name, made.stored.resource);
    }
    this.#later(name);
  }

  #forget(name: string): void {
    const resource = this.#served.get(name);
    this.#served.delete(name);
    if (resource !== undefined) this.#store.catalog.remove(resource);
  }

  #later(name: string): void {
    if (this.#pending.has(name)) return;
    this.#pending.add(name);
    setImmediate(() => {
      this.#pending.delete(name);
      try {
        this.#sync(name);
      } catch (error) {
        this.#log.error({ definition: name, error: errorMessage(error) }, 'custom kind could not be brought on');
      }
    });
  }

  #sync(name: string): void {
    const crd = this.#store.get(CRDS, { name });
    if (crd === undefined || this.#unsubscribe === undefined) return;
    if (crd.metadata.deletionTimestamp === undefined) this.#writeStatus(crd);
    else this.#end(crd);
  }

  #writeStatus(crd: KubeObject): void {
    const isServed = this.#served.has(crd.metadata.name);
    const made = customKind(crd);
    const conflict = isServed || made === undefined ? undefined : this.#store.catalog.conflictOf(made.stored);
    const stored = stringAt(storageVersion(crd), 'name') ?? '';
    const known = listAt(crd, 'status', 'storedVersions').filter((version) => typeof version === 'string');
    const conditions = [
      conflict === undefined
        ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
        : { type: 'NamesAccepted', status: 'False', reason: 'NamesConflict', message: conflict },
      isServed
        ? {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          }
        : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' },
    ].map((condition) => ({ ...condition, lastTransitionTime: this.#since(crd, condition) }));
    const status: JsonObject = {
      conditions,
      ...(isServed ? { acceptedNames: clone(objectAt(crd, 'spec', 'names') ?? {}) } : {}),
      storedVersions: [...new Set([...known, stored])],
    };
    if (equal(crd['status'], status)) return;
    const next: JsonObject = { ...clone(crd as JsonObject), status };
    this.#store.update(CRDS, next, { key: { name: crd.metadata.name }, subresource: 'status' });
  }

  #since(crd: KubeObject, { type, status }: { type: string; status: string }): string {
    const known = listAt(crd, 'status', 'conditions').find((condition) => stringAt(condition, 'type') === type);
    const same = stringAt(known, 'status') === status ? stringAt(known, 'lastTransitionTime') : undefined;
    return same ?? timestamp(this.#now());
  }

  /** Its objects go first. Those that somebody holds are waited for. */
  #end(crd: KubeObject): void {
    const { name, finalizers = [] } = crd.metadata;
    if (!finalizers.includes(CLEANUP_FINALIZER)) return;
    const resource = this.#served.get(name);
    if (resource !== undefined) {
      for (const { metadata } of this.#store.list(resource).items) {
        if (metadata.deletionTimestamp === undefined) this.#store.delete(resource, metadata);
      }
      if (this.#store.list(resource).items.length > 0) {
        const wait = setTimeout(() => this.#later(name), WAIT_MS);
        wait.unref();
        return;
      }
    }
    const next = clone(crd as JsonObject) as KubeObject;
    next.metadata.finalizers = finalizers.filter((finalizer) => finalizer !== CLEANUP_FINALIZER);
    this.#store.update(CRDS, next);
  }
}

/** Until objects that finalizers hold are looked at again. */
const WAIT_MS = 200;
