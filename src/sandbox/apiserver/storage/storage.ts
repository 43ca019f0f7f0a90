import type { JsonObject } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ApiError } from '../status.ts';
import { Collection } from './collection.ts';
import { Database } from './database.ts';
import { EventLog } from './event-log.ts';
import { Stored, StoredEvent } from './stored.ts';

export type StorageOptions = {
  /** A path or `:memory:`. */
  readonly database: string;
  /** Changes kept per resource for watchers that come back. Default 10,000. */
  readonly historyLimit?: number;
};

/** In characters of JSON; what etcd takes by default. */
const MAX_OBJECT_LENGTH = 1_572_864;

export type Listener = (event: StoredEvent) => void;

type Shelf = { readonly objects: Collection; readonly log: EventLog; readonly listeners: Set<Listener> };

/**
 * Versions of objects under one global, ever increasing revision. Knows nothing of kinds: resources are names. Every
 * operation is synchronous, hence atomic.
 */
export class Storage {
  readonly #database: Database;
  readonly #historyLimit: number;
  readonly #shelves = new Map<string, Shelf>();
  #revision: number;
  readonly #startRevision: number;

  constructor(options: StorageOptions) {
    this.#database = new Database(options.database);
    this.#historyLimit = options.historyLimit ?? 10_000;
    this.#revision = Math.max(1, this.#database.lastRemoval);
    const rows = [...this.#database.rows()];
    for (const row of rows) this.#revision = Math.max(this.#revision, row.revision);
    // What happened before the start was not kept: a watch from an older revision must list again.
    this.#startRevision = this.#revision;
    for (const row of rows) {
      const object = JSON.parse(row.json) as KubeObject;
      this.#shelf(row.resource).objects.set(row.namespace, row.name, new Stored(object, row.revision, row.json));
    }
  }

  /** The revision of the latest change. */
  get revision(): number {
    return this.#revision;
  }

  get(resource: string, namespace: string, name: string): Stored | undefined {
    return this.#shelf(resource).objects.get(namespace, name);
  }

  list(resource: string, namespace?: string): readonly Stored[] {
    return this.#shelf(resource).objects.list(namespace);
  }

  count(resource: string): number {
    return this.#shelf(resource).objects.size;
  }

  /** Stores a new version; the object is taken over and frozen, and its `resourceVersion` is set. */
  put(resource: string, object: KubeObject): Stored {
    const { namespace = '', name } = object.metadata;
    const shelf = this.#shelf(resource);
    const previous = shelf.objects.get(namespace, name);
    const stored = this.#next(object);
    if (stored.json.length > MAX_OBJECT_LENGTH) {
      throw new ApiError(413, 'RequestEntityTooLarge', `the object is too large: limit is ${MAX_OBJECT_LENGTH}`);
    }
    this.#database.put({ resource, namespace, name, revision: stored.revision, json: stored.json });
    shelf.objects.set(namespace, name, stored);
    this.#publish(shelf, new StoredEvent(previous === undefined ? 'ADDED' : 'MODIFIED', stored, previous));
    return stored;
  }

  /** Removes an object; `undefined` when it is not there. Gives its last version with the removal's revision. */
  remove(resource: string, namespace: string, name: string): Stored | undefined {
    const shelf = this.#shelf(resource);
    const previous = shelf.objects.get(namespace, name);
    if (previous === undefined) return undefined;
    const last = this.#next({ ...previous.object, metadata: { ...previous.object.metadata } });
    this.#database.remove(resource, namespace, name, last.revision);
    shelf.objects.delete(namespace, name);
    this.#publish(shelf, new StoredEvent('DELETED', last, previous));
    return last;
  }

  /** Replays the changes after `revision` and then calls for each new one, until the returned function is called. */
  subscribe(resource: string, revision: number, listener: Listener): () => void {
    const shelf = this.#shelf(resource);
    for (const event of shelf.log.since(revision, this.#revision)) listener(event);
    shelf.listeners.add(listener);
    return () => shelf.listeners.delete(listener);
  }

  /** Forgets the history up to `revision` (default: now) of all resources. */
  compact(revision = this.#revision): void {
    for (const shelf of this.#shelves.values()) shelf.log.compact(revision);
  }

  close(): void {
    for (const shelf of this.#shelves.values()) shelf.listeners.clear();
    this.#database.close();
  }

  #next(object: KubeObject): Stored {
    this.#revision += 1;
    object.metadata.resourceVersion = String(this.#revision);
    return new Stored(object satisfies JsonObject, this.#revision);
  }

  #publish(shelf: Shelf, event: StoredEvent): void {
    shelf.log.append(event);
    for (const listener of shelf.listeners) listener(event);
  }

  #shelf(resource: string): Shelf {
    let shelf = this.#shelves.get(resource);
    if (shelf === undefined) {
      shelf = {
        objects: new Collection(),
        log: new EventLog(this.#historyLimit, this.#startRevision),
        listeners: new Set(),
      };
      this.#shelves.set(resource, shelf);
    }
    return shelf;
  }
}
