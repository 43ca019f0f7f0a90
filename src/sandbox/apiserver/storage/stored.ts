import type { KubeObject } from '../object.ts';

/** One version of an object; never changes. Its JSON is made once, whoever lists or watches it. */
export class Stored {
  readonly object: KubeObject;
  readonly revision: number;
  #json: string | undefined;

  constructor(object: KubeObject, revision: number, json?: string) {
    this.object = deepFreeze(object);
    this.revision = revision;
    this.#json = json;
  }

  get json(): string {
    this.#json ??= JSON.stringify(this.object);
    return this.#json;
  }

  /** The same in another version. `change` is given a copy. */
  as(change: (object: KubeObject) => KubeObject): Stored {
    return new Stored(change(structuredClone(this.object)), this.revision);
  }

  /** Namespace and name, in the order in which lists are given. */
  get key(): string {
    return `${this.object.metadata.namespace ?? ''}/${this.object.metadata.name}`;
  }
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One change of one object, as it is replayed to watchers. */
export class StoredEvent {
  readonly type: EventType;
  /** The new version; for a removal the last one, with the removal's revision. */
  readonly current: Stored;
  /** The version before; absent for a new object. */
  readonly previous: Stored | undefined;
  readonly #lines = new Map<string, Buffer>();

  constructor(type: EventType, current: Stored, previous: Stored | undefined) {
    this.type = type;
    this.current = current;
    this.previous = previous;
  }

  get revision(): number {
    return this.current.revision;
  }

  as(change: (object: KubeObject) => KubeObject): StoredEvent {
    return new StoredEvent(this.type, this.current.as(change), this.previous?.as(change));
  }

  /** The line that a watcher reads, in the encoding `variant`; encoded once for all watchers that want the same. */
  line(variant: string, encode: () => string): Buffer {
    let line = this.#lines.get(variant);
    if (line === undefined) {
      line = Buffer.from(encode());
      this.#lines.set(variant, line);
    }
    return line;
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
  return value;
}
