import type { Clock } from '../../../base/index.ts';
import { clone, equal, type Json, type JsonObject, listAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { serverSideApply } from '../patch/apply.ts';
import { applyPatch, type PatchType } from '../patch/index.ts';
import { trackUpdate } from '../patch/managers.ts';
import type { ResourceDefinition } from '../resource.ts';
import { alreadyExists, badRequest, forbidden, notFound } from '../status.ts';
import { Storage } from '../storage/storage.ts';
import type { Stored, StoredEvent } from '../storage/stored.ts';
import { boundPod } from './binding.ts';
import { Catalog } from './catalog.ts';
import { decideDeletion } from './deletion.ts';
import type { DeleteOptions, ObjectKey, SelectOptions, WatchEvent, WatchOptions, WriteOptions } from './options.ts';
import { checkChanged, checkNew, prepareCreate, prepareUpdate, read, setNamespace } from './prepare.ts';
import { Selection } from './selection.ts';
import { ServiceAddresses } from './service-addresses.ts';
import { watchObjects } from './watch.ts';

export type ApiStoreOptions = {
  readonly database: string;
  readonly definitions: readonly ResourceDefinition[];
  readonly clock: Clock;
  /** IPv4 prefix that cluster addresses come from. */
  readonly serviceCidr: string;
  readonly historyLimit?: number | undefined;
  /** Changes an object that is to be made, before it is looked at (a mutating admission). */
  readonly complete?: ((store: ApiStore, definition: ResourceDefinition, object: KubeObject) => void) | undefined;
};

/** For server-side apply by a caller who does not say who it is. */
const DEFAULT_MANAGER = 'membrane-sandbox';

/** What is deleted now, and what only begins to be. */
export type Deletion = { readonly object: KubeObject; readonly gone: boolean };

/**
 * The API's semantics over the storage, the same for HTTP clients and for the sandbox's own scheduler and kubelet. All
 * calls are synchronous and atomic; refusals are `ApiError`s. Returned objects are frozen: copy before changing.
 */
export class ApiStore {
  readonly catalog: Catalog;
  readonly storage: Storage;
  readonly #clock: Clock;
  readonly #addresses: ServiceAddresses;
  readonly #complete: ApiStoreOptions['complete'];

  constructor(options: ApiStoreOptions) {
    this.catalog = new Catalog(options.definitions);
    const { historyLimit } = options;
    this.storage = new Storage({ database: options.database, ...(historyLimit === undefined ? {} : { historyLimit }) });
    this.#clock = options.clock;
    this.#complete = options.complete;
    const services = this.storage.list('services').map((stored) => stored.object);
    this.#addresses = new ServiceAddresses(options.serviceCidr, services);
  }

  get resourceVersion(): string {
    return String(this.storage.revision);
  }

  list<T extends KubeObject = KubeObject>(
    resource: string,
    options: SelectOptions = {},
  ): { items: T[]; resourceVersion: string } {
    const selection = new Selection(this.catalog.named(resource), options);
    const items = this.select(selection).map((stored) => stored.object as T);
    return { items, resourceVersion: this.resourceVersion };
  }

  /** The stored versions of a selection, in the order of their keys. */
  select(selection: Selection): readonly Stored[] {
    const { definition, namespace } = selection;
    const { conversion } = definition;
    const stored = this.storage.list(definition.resource, namespace);
    const all = conversion === undefined ? stored : stored.map((one) => one.as(conversion.fromStored));
    return selection.everything ? all : all.filter((stored) => selection.matches(stored.object));
  }

  get<T extends KubeObject = KubeObject>(resource: string, key: ObjectKey): T | undefined {
    const definition = this.catalog.named(resource);
    return this.#stored(definition, key)?.object as T | undefined;
  }

  /** Like `get`; `NotFound` when it is not there. */
  require(definition: ResourceDefinition, key: ObjectKey): Stored {
    const found = this.#stored(definition, key);
    if (found === undefined) throw notFound(definition, key.name);
    return found;
  }

  create<T extends KubeObject = KubeObject>(
    resource: string | ResourceDefinition,
    value: Json,
    options: WriteOptions & { readonly namespace?: string | undefined } = {},
  ): T {
    const definition = this.#definitionOf(resource);
    const object = read(definition, value, options);
    setNamespace(definition, object, options.namespace);
    delete object.metadata.managedFields;
    trackUpdate(definition, object, undefined, options.fieldManager, '', this.#clock.now());
    return this.#insert(definition, object, options) as T;
  }

  #insert(definition: ResourceDefinition, object: KubeObject, options: WriteOptions): KubeObject {
    if (definition.namespaced) this.#checkNamespace(definition, object);
    this.#complete?.(this, definition, object);
    prepareCreate(definition, object, this.#clock.now());
    checkNew(definition, object);
    const { subresource, dryRun = false } = options;
    options.admit?.({ definition, object, old: undefined, subresource, dryRun });
    this.#warn(definition, object, options);
    if (this.#stored(definition, object.metadata) !== undefined) throw alreadyExists(definition, object.metadata.name);
    if (definition.resource === 'services') this.#addresses.assign(object, undefined, options.dryRun === true);
    if (options.dryRun === true) return object;
    return this.#put(definition, object);
  }

  /** Replaces an object, or with a `subresource` that part of it. A `resourceVersion` in it must be the stored one. */
  update<T extends KubeObject = KubeObject>(
    resource: string | ResourceDefinition,
    value: Json,
    options: WriteOptions & { readonly key?: ObjectKey | undefined } = {},
  ): T {
    const definition = this.#definitionOf(resource);
    const next = read(definition, value, options);
    setNamespace(definition, next, options.key?.namespace);
    const old = this.require(definition, options.key ?? next.metadata).object;
    return this.replace(definition, next, old, options) as T;
  }

  /** The end of every change of an object that exists: checks, keeps what must be kept, stores. */
  replace(
    definition: ResourceDefinition,
    changed: KubeObject,
    old: KubeObject,
    options: WriteOptions,
    operation: 'Apply' | 'Update' = 'Update',
  ): KubeObject {
    const { subresource } = options;
    const next = prepareUpdate(definition, changed, old, subresource);
    if (operation === 'Update' && !equal(next, old)) {
      trackUpdate(definition, next, old, options.fieldManager, subresource ?? '', this.#clock.now());
    }
    checkChanged(definition, next, old, subresource);
    options.admit?.({ definition, object: next, old, subresource, dryRun: options.dryRun === true });
    if (subresource === undefined) this.#warn(definition, next, options);
    if (definition.resource === 'services') this.#addresses.assign(next, old, options.dryRun === true);
    if (options.dryRun === true || equal(next, old)) return next;
    if (next.metadata.deletionTimestamp !== undefined && this.#mayGo(definition, next)) {
      this.#put(definition, next);
      return this.#remove(definition, next);
    }
    return this.#put(definition, next);
  }

  /** Applies a patch to an object as it is stored now. */
  patch<T extends KubeObject = KubeObject>(
    resource: string | ResourceDefinition,
    key: ObjectKey,
    patch: { readonly type: Exclude<PatchType, 'apply'>; readonly body: Json },
    options: WriteOptions = {},
  ): T {
    const definition = this.#definitionOf(resource);
    const old = this.require(definition, key).object;
    const patched = applyPatch(patch.type, clone(old as JsonObject), patch.body, definition.schema);
    const next = read(definition, patched, options);
    setNamespace(definition, next, key.namespace);
    if (next.metadata.name !== key.name) throw badRequest('the name of the object may not be changed by a patch');
    return this.replace(definition, next, old, options) as T;
  }

  /** Server-side apply (needs a `fieldManager`); makes the object when it is not there. */
  apply<T extends KubeObject = KubeObject>(
    resource: string | ResourceDefinition,
    key: ObjectKey,
    body: Json,
    options: WriteOptions,
  ): { object: T; created: boolean } {
    const definition = this.#definitionOf(resource);
    const applied = read(definition, body, options);
    setNamespace(definition, applied, key.namespace);
    applied.metadata.name ??= key.name;
    if (applied.metadata.name !== key.name) {
      throw badRequest(
        `the name of the object (${applied.metadata.name}) does not match the name on the URL (${key.name})`,
      );
    }
    if (applied.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
    const live = this.#stored(definition, key)?.object;
    const request = {
      definition,
      applied,
      manager: options.fieldManager ?? DEFAULT_MANAGER,
      subresource: options.subresource ?? '',
      force: options.force === true,
      now: this.#clock.now(),
    };
    if (live === undefined) {
      if (options.subresource !== undefined) throw notFound(definition, key.name);
      const made = serverSideApply({ ...request, live: undefined });
      return { object: this.#insert(definition, made, options) as T, created: true };
    }
    const merged = serverSideApply({ ...request, live: clone(live as JsonObject) as KubeObject });
    return { object: this.replace(definition, merged, live, options, 'Apply') as T, created: false };
  }

  /** Merges members into the status (RFC 7396: null removes, lists are replaced). */
  patchStatus<T extends KubeObject = KubeObject>(resource: string, key: ObjectKey, status: JsonObject): T {
    const definition = this.catalog.named(resource);
    const old = this.require(definition, key).object;
    const next = clone(old as JsonObject);
    next['status'] = { ...(next['status'] as JsonObject | undefined), ...clone(status) };
    return this.update<T>(resource, next, { key, subresource: 'status' });
  }

  /** Puts a pod on a node: what a scheduler does, once for each pod. */
  bind(key: ObjectKey, node: string): KubeObject {
    const definition = this.catalog.named('pods');
    const { object } = this.require(definition, key);
    return this.storage.put('pods', boundPod(definition, object, node, this.#clock.now())).object;
  }

  delete(resource: string | ResourceDefinition, key: ObjectKey, options: DeleteOptions = {}): Deletion {
    const definition = this.#definitionOf(resource);
    const { object } = this.require(definition, key);
    options.admit?.({ definition, old: object, dryRun: options.dryRun === true });
    const decision = decideDeletion(definition, object, options, this.#clock.now());
    if (options.dryRun === true) return { object, gone: decision.gone };
    if (decision.gone) return { object: this.#remove(definition, object), gone: true };
    if (decision.next === undefined) return { object, gone: false };
    return { object: this.#put(definition, decision.next), gone: false };
  }

  /** Calls the listener with each change after `revision` of what the definition stands for, in its version. */
  subscribe(definition: ResourceDefinition, revision: number, listener: (event: StoredEvent) => void): () => void {
    const { resource, conversion } = definition;
    const tell =
      conversion === undefined ? listener : (event: StoredEvent) => listener(event.as(conversion.fromStored));
    return this.storage.subscribe(resource, revision, tell);
  }

  /** Changes as they happen; ends when the signal is aborted. Throws `Expired` (410) when the history is gone. */
  watch<T extends KubeObject = KubeObject>(resource: string, options: WatchOptions = {}): AsyncIterable<WatchEvent<T>> {
    const selection = new Selection(this.catalog.named(resource), options);
    return watchObjects<T>(this, selection, options);
  }

  close(): void {
    this.storage.close();
  }

  #stored(definition: ResourceDefinition, key: ObjectKey): Stored | undefined {
    const stored = this.storage.get(definition.resource, definition.namespaced ? (key.namespace ?? '') : '', key.name);
    return definition.conversion === undefined ? stored : stored?.as(definition.conversion.fromStored);
  }

  #definitionOf(resource: string | ResourceDefinition): ResourceDefinition {
    return typeof resource === 'string' ? this.catalog.named(resource) : resource;
  }

  /** Stores an object of a version; gives it back in that version. */
  #put({ resource, conversion }: ResourceDefinition, object: KubeObject): KubeObject {
    if (conversion === undefined) return this.storage.put(resource, object).object;
    const stored = this.storage.put(resource, conversion.toStored(clone(object as JsonObject) as KubeObject));
    return stored.as(conversion.fromStored).object;
  }

  #remove(definition: ResourceDefinition, object: KubeObject): KubeObject {
    const { namespace, name } = object.metadata;
    const last = this.storage.remove(definition.resource, definition.namespaced ? (namespace ?? '') : '', name);
    if (definition.resource === 'services') this.#addresses.release(object);
    const { conversion } = definition;
    return (conversion === undefined ? last : last?.as(conversion.fromStored))?.object ?? object;
  }

  #mayGo(definition: ResourceDefinition, object: KubeObject): boolean {
    if ((object.metadata.finalizers ?? []).length > 0) return false;
    if (definition.resource === 'namespaces') return listAt(object, 'spec', 'finalizers').length === 0;
    return (object.metadata.deletionGracePeriodSeconds ?? 0) === 0;
  }

  #checkNamespace(definition: ResourceDefinition, object: KubeObject): void {
    const name = object.metadata.namespace ?? '';
    const namespaces = this.catalog.named('namespaces');
    const found = this.storage.get('namespaces', '', name);
    if (found === undefined) throw notFound(namespaces, name);
    if (found.object.metadata.deletionTimestamp === undefined) return;
    const message = `namespace ${name} is being terminated`;
    throw forbidden(
      definition,
      object.metadata.name ?? '',
      `unable to create new content in namespace ${name} because it is being terminated`,
      [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }],
    );
  }

  #warn(definition: ResourceDefinition, object: KubeObject, options: WriteOptions): void {
    if (options.warn === undefined) return;
    for (const warning of definition.warnings?.(object) ?? []) options.warn(warning);
  }
}
