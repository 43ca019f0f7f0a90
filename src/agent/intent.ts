import type { ReflectorBatch } from '../kube/index.ts';
import {
  type NamespaceRow,
  type NetworkPolicyRow,
  type NodeRow,
  type ObjectRow,
  type PodRow,
  rowKey,
  type ServiceSpec,
  type SliceSpec,
} from '../model/index.ts';

/** What the API server says, trimmed: rows by `namespace/name`, and which keys changed since somebody asked. */
export class IntentTable<T extends ObjectRow> {
  readonly #rows = new Map<string, T>();
  #changed = new Set<string>();
  readonly #readers: Set<string>[] = [];
  #synced = false;

  get rows(): ReadonlyMap<string, T> {
    return this.#rows;
  }

  /** The first list is complete. */
  get synced(): boolean {
    return this.#synced;
  }

  get(key: string): T | undefined {
    return this.#rows.get(key);
  }

  apply(batch: ReflectorBatch<T>): void {
    for (const row of batch.deletes) {
      const key = rowKey(row);
      this.#rows.delete(key);
      this.#note(key);
    }
    for (const row of batch.upserts) {
      // One string for both: whoever asks what changed keeps it.
      const key = rowKey(row);
      this.#rows.set(key, row);
      this.#note(key);
    }
    this.#synced ||= batch.synced;
  }

  #note(key: string): void {
    this.#changed.add(key);
    for (const reader of this.#readers) reader.add(key);
  }

  /** Another one who asks what came and went, with a memory of his own: what changed since he asked last. */
  reader(): () => ReadonlySet<string> {
    const changed = new Set(this.#rows.keys());
    this.#readers.push(changed);
    return () => {
      const drained = new Set(changed);
      changed.clear();
      return drained;
    };
  }

  /** Says that everything that follows from these rows must be looked at again. */
  touch(keys: Iterable<string>): void {
    for (const key of keys) this.#changed.add(key);
  }

  /** Keys of rows that came, went or were touched since the last call. */
  drain(): ReadonlySet<string> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }
}

/** All intent tables. */
export class Intent {
  readonly pods = new IntentTable<PodRow>();
  readonly namespaces = new IntentTable<NamespaceRow>();
  readonly nodes = new IntentTable<NodeRow>();
  readonly policies = new IntentTable<NetworkPolicyRow>();
  readonly services = new IntentTable<ServiceSpec>();
  readonly slices = new IntentTable<SliceSpec>();

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
