import type { ReflectorBatch } from '../kube/index.ts';
import {
  type NamespaceRow,
  type NodeRow,
  type ObjectRow,
  type PodRow,
  type PolicyKey,
  type PolicyObject,
  policyKey,
  rowKey,
  type ServiceSpec,
  type SliceSpec,
} from '../model/index.ts';
import { POLICY_KINDS, type PolicyKind } from '../policy/index.ts';

/** What the API server says, trimmed: rows by `namespace/name`, and which keys changed since somebody asked. */
export class IntentTable<T extends ObjectRow, K extends string = string> {
  readonly #keyOf: (row: T) => K;
  readonly #rows = new Map<K, T>();
  #changed = new Set<K>();
  readonly #readers: Set<K>[] = [];
  readonly #kinds: readonly string[];
  /** Kinds of which the first list is complete; undefined: all of them. */
  readonly #listed = new Set<string | undefined>();

  /** `kinds`: where the table is of several, with a key that tells them apart. */
  constructor(kinds: readonly string[] = [], keyOf: (row: T) => string = rowKey) {
    this.#kinds = kinds;
    this.#keyOf = keyOf as (row: T) => K;
  }

  get rows(): ReadonlyMap<K, T> {
    return this.#rows;
  }

  /** The first list is complete, of every kind. */
  get synced(): boolean {
    const listed = this.#listed;
    return listed.has(undefined) || (listed.size > 0 && this.#kinds.every((kind) => listed.has(kind)));
  }

  get(key: K): T | undefined {
    return this.#rows.get(key);
  }

  /** `kind`: what the objects are; undefined: of every kind in the table. */
  apply(batch: ReflectorBatch<T>, kind?: string): void {
    for (const row of batch.deletes) {
      const key = this.#keyOf(row);
      this.#rows.delete(key);
      this.#note(key);
    }
    for (const row of batch.upserts) {
      // One string for both: whoever asks what changed keeps it.
      const key = this.#keyOf(row);
      this.#rows.set(key, row);
      this.#note(key);
    }
    if (batch.synced) this.#listed.add(kind);
  }

  #note(key: K): void {
    this.#changed.add(key);
    for (const reader of this.#readers) reader.add(key);
  }

  /** Another one who asks what came and went, with a memory of his own: what changed since he asked last. */
  reader(): () => ReadonlySet<K> {
    const changed = new Set(this.#rows.keys());
    this.#readers.push(changed);
    return () => {
      const drained = new Set(changed);
      changed.clear();
      return drained;
    };
  }

  /** Says that everything that follows from these rows must be looked at again. */
  touch(keys: Iterable<K>): void {
    for (const key of keys) this.#changed.add(key);
  }

  /** Keys of rows that came, went or were touched since the last call. */
  drain(): ReadonlySet<K> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }
}

/** All intent tables; `kinds`: of policies. */
export class Intent {
  readonly pods = new IntentTable<PodRow>();
  readonly namespaces = new IntentTable<NamespaceRow>();
  readonly nodes = new IntentTable<NodeRow>();
  readonly policies: IntentTable<PolicyObject, PolicyKey>;
  readonly services = new IntentTable<ServiceSpec>();
  readonly slices = new IntentTable<SliceSpec>();

  constructor(kinds: readonly PolicyKind[] = POLICY_KINDS) {
    this.policies = new IntentTable<PolicyObject, PolicyKey>(
      kinds.map(({ names }) => names.kind),
      policyKey,
    );
  }

  /** Whether it has been asked what the ranges of services are, where anybody has to be asked. */
  rangesAsked = true;

  /** Before this, no decision: what is missing may only not have arrived yet. */
  get synced(): boolean {
    return this.rangesAsked && this.pods.synced && this.namespaces.synced && this.nodes.synced && this.policies.synced;
  }

  /** Before this, no decision about services. Pods among them: one in the host network has the address of its node. */
  get servicesSynced(): boolean {
    return this.services.synced && this.slices.synced && this.nodes.synced && this.pods.synced;
  }
}
