import { z } from 'zod';
import { type Clock, systemClock } from '../base/index.ts';
import { type IdentityId, identityId, labelMap, type PodIdentity, type Workload, workloadKey } from '../model/index.ts';
import { identityErrors } from './errors.ts';
import { NumberPool } from './number-pool.ts';
import { CLUSTER_RANGE, type IdentityRange } from './reserved.ts';

export type AllocatorOptions = {
  readonly clock?: Pick<Clock, 'now'>;
  /** How long a number without users stays with its workload before another may get it, in ms. Default 10 minutes. */
  readonly grace?: number;
  /** Default `CLUSTER_RANGE`. */
  readonly range?: IdentityRange;
};

const record = z.record(z.string(), z.string());
const snapshotSchema = z.object({
  version: z.literal(1),
  next: z.int(),
  identities: z.array(
    z.object({
      id: z.int(),
      namespace: z.string(),
      namespaceLabels: record,
      labels: record,
      serviceAccount: z.string(),
      cluster: z.string(),
      namedPorts: z.array(
        z.object({ name: z.string(), protocol: z.enum(['ICMP', 'TCP', 'UDP', 'ICMPv6', 'SCTP']), port: z.int() }),
      ),
    }),
  ),
});

/** Plain JSON; survives a restart of the agent. */
export type AllocatorSnapshot = z.infer<typeof snapshotSchema>;

type Held = { readonly identity: PodIdentity; readonly key: string; users: number; unusedSince: number };

/** Numbers for workloads: one number per distinct workload, counted users, reuse only after a grace period. */
export class IdentityAllocator {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #grace: number;
  readonly #range: IdentityRange;
  readonly #byKey = new Map<string, Held>();
  readonly #byId = new Map<IdentityId, Held>();
  /** Without users, longest unused first. */
  readonly #unused = new Set<Held>();
  #pool: NumberPool;

  constructor(options: AllocatorOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#grace = options.grace ?? 600_000;
    this.#range = options.range ?? CLUSTER_RANGE;
    this.#pool = new NumberPool(this.#range);
  }

  /**
   * The identity of a workload (as `LabelFilter.reduce` gives it), with one more user. E_IDENTITY_EXHAUSTED leaves
   * everything as it was.
   */
  acquire(workload: Workload): PodIdentity {
    const key = workloadKey(workload);
    const held = this.#byKey.get(key) ?? this.#create(workload, key);
    held.users += 1;
    this.#unused.delete(held);
    return held.identity;
  }

  /** One user less. The identity stays known until `expire` returns it. */
  release(id: IdentityId): void {
    const held = this.#byId.get(id);
    if (held === undefined || held.users === 0) {
      throw identityErrors.make('E_IDENTITY_UNKNOWN', { detail: `release of identity ${id}` });
    }
    held.users -= 1;
    if (held.users > 0) return;
    held.unusedSince = this.#clock.now();
    this.#unused.add(held);
  }

  /** Forgets what has been unused for the whole grace period; the caller removes these from policy and ipcache. */
  expire(): PodIdentity[] {
    const now = this.#clock.now();
    const expired = [];
    for (const held of this.#unused) {
      if (now - held.unusedSince < this.#grace) break;
      this.#unused.delete(held);
      this.#byKey.delete(held.key);
      this.#byId.delete(held.identity.id);
      this.#pool.free(held.identity.id);
      expired.push(held.identity);
    }
    return expired;
  }

  get(id: IdentityId): PodIdentity | undefined {
    return this.#byId.get(id)?.identity;
  }

  /** 0 for an identity that is only kept for its grace period. */
  users(id: IdentityId): number {
    return this.#byId.get(id)?.users ?? 0;
  }

  /** All that are known, used or not. */
  identities(): PodIdentity[] {
    return Array.from(this.#byId.values(), ({ identity }) => identity);
  }

  snapshot(): AllocatorSnapshot {
    const identities = this.identities()
      .toSorted((a, b) => a.id - b.id)
      .map(({ id, workload }) => ({
        ...workload,
        id: Number(id),
        namespaceLabels: Object.fromEntries(workload.namespaceLabels),
        labels: Object.fromEntries(workload.labels),
        namedPorts: workload.namedPorts.map((port) => ({ ...port })),
      }));
    return { version: 1, next: this.#pool.next, identities };
  }

  /**
   * Into an empty allocator: every identity of the snapshot keeps its number, without users, for a grace period from
   * now. E_IDENTITY_SNAPSHOT when it is not a snapshot or contradicts itself; the allocator is then still empty.
   */
  restore(snapshot: unknown): void {
    const parsed = snapshotSchema.safeParse(snapshot);
    if (!parsed.success) throw identityErrors.make('E_IDENTITY_SNAPSHOT', { detail: z.prettifyError(parsed.error) });
    if (this.#byId.size > 0)
      throw identityErrors.make('E_IDENTITY_SNAPSHOT', { detail: 'identities are in use already' });
    const pool = new NumberPool(this.#range, parsed.data.next);
    const restored = new Map<string, Held>();
    for (const { id, ...facts } of parsed.data.identities) {
      const workload = { ...facts, labels: labelMap(facts.labels), namespaceLabels: labelMap(facts.namespaceLabels) };
      const key = workloadKey(workload);
      if (!pool.claim(id) || restored.has(key)) {
        throw identityErrors.make('E_IDENTITY_SNAPSHOT', { detail: `identity ${id} is out of range or there twice` });
      }
      restored.set(key, this.#held({ kind: 'pod', id: identityId(id), workload }, key));
    }
    this.#pool = pool;
    for (const held of restored.values()) {
      this.#add(held);
      this.#unused.add(held);
    }
  }

  #create(workload: Workload, key: string): Held {
    const id = this.#pool.take();
    if (id === undefined) {
      throw identityErrors.make('E_IDENTITY_EXHAUSTED', {
        detail: `all ${this.#pool.size} are taken, ${this.#unused.size} of them in their grace period; asked for a pod of namespace ${JSON.stringify(workload.namespace)}`,
      });
    }
    return this.#add(this.#held({ kind: 'pod', id, workload }, key));
  }

  #held(identity: PodIdentity, key: string): Held {
    return { identity, key, users: 0, unusedSince: this.#clock.now() };
  }

  #add(held: Held): Held {
    this.#byKey.set(held.key, held);
    this.#byId.set(held.identity.id, held);
    return held;
  }
}
