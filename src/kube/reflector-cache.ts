import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { namespacedName } from '../base/index.ts';
import type { ObjectRow } from '../model/index.ts';
import type { RejectedObject } from './reflector.ts';
import type { Resource } from './resources/resource.ts';
import type { WatchEvent } from './watch.ts';

type Entry<T> = { readonly resourceVersion: string; readonly row: T };

export type Replacement<T> = {
  add(object: unknown): void;
  /** It went while the list was told. */
  remove(object: unknown): void;
  finish(): CacheChanges<T>;
};

export type CacheChanges<T> = {
  readonly upserts: readonly T[];
  readonly deletes: readonly T[];
  readonly rejected: readonly RejectedObject[];
  /** Newest version seen; absent: none. */
  readonly resourceVersion?: string;
  /** Why nobody knows which object an event was about; absent: all is known. */
  readonly unclear?: string;
};

/** The least that an object must have to be told apart; everything else may be wrong without harm to others. */
const headSchema = z.object({
  metadata: z.object({
    namespace: z.string().default(''),
    name: z.string().min(1),
    resourceVersion: z.string().default(''),
  }),
});
type Head = { readonly key: string; readonly resourceVersion: string };

/**
 * What a reflector knows: the trimmed row of every object by `namespace/name`. Turns lists and events into the changes
 * between then and now; what did not change makes no change, so that a new list disturbs nobody. Nor does a new version of
 * an object that is other only in what is not kept, as the heartbeats of nodes are.
 */
export class ReflectorCache<T extends ObjectRow> {
  readonly #resource: Resource<T>;
  #entries = new Map<string, Entry<T>>();
  readonly #rejected = new Map<string, string>();

  constructor(resource: Resource<T>) {
    this.#resource = resource;
  }

  get size(): number {
    return this.#entries.size;
  }

  rejected(): RejectedObject[] {
    return Array.from(this.#rejected, ([key, problem]) => ({ key, problem }));
  }

  /**
   * Takes a whole list in pieces; of an object that comes twice the later one counts. Nothing changes before `finish`; a
   * list that breaks off is simply forgotten.
   */
  beginReplace(): Replacement<T> {
    const next = new Map<string, Entry<T>>();
    const rejected = new Map<string, string>();
    let nameless = 0;
    return {
      add: (object) => {
        const head = headOf(object);
        if (head === undefined) {
          nameless += 1;
          rejected.set(`(object ${nameless} without a name)`, 'metadata.name is missing');
          return;
        }
        const known = this.#entries.get(head.key);
        rejected.delete(head.key);
        next.delete(head.key);
        if (known !== undefined && known.resourceVersion === head.resourceVersion && head.resourceVersion !== '') {
          next.set(head.key, known);
          return;
        }
        const parsed = this.#parse(object);
        if ('row' in parsed) next.set(head.key, entryOf(head, parsed.row, known));
        else {
          rejected.set(head.key, parsed.problem);
          if (known !== undefined && this.#resource.unreadable === 'keep') next.set(head.key, known);
        }
      },
      remove: (object) => {
        const key = headOf(object)?.key ?? '';
        rejected.delete(key);
        next.delete(key);
      },
      finish: () => {
        const before = this.#entries;
        this.#entries = next;
        this.#rejected.clear();
        for (const [key, problem] of rejected) this.#rejected.set(key, problem);
        return { ...difference(before, next), rejected: this.rejected() };
      },
    };
  }

  /** Takes a group of events in order; several events of one object become one change. */
  apply(events: readonly WatchEvent[]): CacheChanges<T> {
    const before = new Map<string, Entry<T> | undefined>();
    const rejected: RejectedObject[] = [];
    let resourceVersion: string | undefined;
    let unclear: string | undefined;
    for (const event of events) {
      if (event.type === 'BOOKMARK') {
        resourceVersion = event.resourceVersion;
        continue;
      }
      if (event.type === 'UNREADABLE') {
        unclear = event.problem;
        rejected.push({ key: '(unreadable event)', problem: unclear });
        continue;
      }
      const head = headOf(event.object);
      if (head === undefined) {
        unclear = 'metadata.name is missing';
        rejected.push({ key: '(object without a name)', problem: unclear });
        continue;
      }
      if (head.resourceVersion !== '') resourceVersion = head.resourceVersion;
      if (!before.has(head.key)) before.set(head.key, this.#entries.get(head.key));
      if (event.type === 'DELETED') {
        this.#entries.delete(head.key);
        this.#rejected.delete(head.key);
        continue;
      }
      const parsed = this.#parse(event.object);
      if ('row' in parsed) {
        this.#entries.set(head.key, entryOf(head, parsed.row, before.get(head.key)));
        this.#rejected.delete(head.key);
      } else {
        if (this.#resource.unreadable === 'forget') this.#entries.delete(head.key);
        this.#rejected.set(head.key, parsed.problem);
        rejected.push({ key: head.key, problem: parsed.problem });
      }
    }
    const changed = [...before.keys()];
    const then = new Map(changed.flatMap((key) => pair(key, before.get(key))));
    const now = new Map(changed.flatMap((key) => pair(key, this.#entries.get(key))));
    return {
      ...difference(then, now),
      rejected,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(unclear === undefined ? {} : { unclear }),
    };
  }

  #parse(object: unknown): { row: T } | { problem: string } {
    try {
      const row = this.#resource.parse(object);
      return { row };
    } catch (error) {
      return { problem: problemText(error) };
    }
  }
}

function headOf(object: unknown): Head | undefined {
  const parsed = headSchema.safeParse(object);
  if (!parsed.success) return undefined;
  const { namespace, name, resourceVersion } = parsed.data.metadata;
  return { key: namespacedName({ namespace, name }), resourceVersion };
}

/** The same row as long as it says the same. */
function entryOf<T>({ resourceVersion }: Head, row: T, before: Entry<T> | undefined): Entry<T> {
  return { resourceVersion, row: before !== undefined && isDeepStrictEqual(before.row, row) ? before.row : row };
}

function pair<T>(key: string, entry: Entry<T> | undefined): [string, Entry<T>][] {
  return entry === undefined ? [] : [[key, entry]];
}

function difference<T extends ObjectRow>(before: ReadonlyMap<string, Entry<T>>, after: ReadonlyMap<string, Entry<T>>) {
  const upserts: T[] = [];
  const deletes: T[] = [];
  for (const [key, entry] of before) {
    const now = after.get(key);
    if (now === undefined || now.row.uid !== entry.row.uid) deletes.push(entry.row);
  }
  for (const [key, entry] of after) if (before.get(key)?.row !== entry.row) upserts.push(entry.row);
  return { upserts, deletes };
}

/** Field paths and messages; never whole values, which may be large or hostile. */
function problemText(error: unknown): string {
  if (error instanceof z.ZodError) {
    const issues = error.issues.slice(0, 3).map((issue) => `${issue.path.join('.') || 'object'}: ${issue.message}`);
    return issues.join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
