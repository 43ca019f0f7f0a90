import { type IdentityAllocator, LabelFilter, type LabelRule } from '../identity/index.ts';
import { labelMap, type NamespaceRow, type PodIdentity, type PodRow, type Workload } from '../model/index.ts';

/** A pod that has, or will have, packets of its own. Nodes' pods are the node; a finished pod's address is free. */
export function isWorkload(pod: PodRow): boolean {
  return !pod.hostNetwork && pod.phase !== 'Succeeded' && pod.phase !== 'Failed';
}

/**
 * Is this the pod that a runtime knows by `uid`? Of a static pod it knows the hash of the file, and the API server a mirror
 * of it (kubelet: kubernetes.io/config.mirror). Whoever could write such an annotation to be taken for a static pod needs
 * its name in its namespace, too. A runtime that says no uid says nothing against any.
 */
export function isRunAs(pod: Pick<PodRow, 'uid' | 'mirrorOf'>, uid: string | undefined): boolean {
  return uid === undefined || uid === pod.uid || uid === pod.mirrorOf;
}

export function workloadOf(pod: PodRow, namespace: NamespaceRow, cluster: string): Workload {
  return {
    namespace: pod.namespace,
    namespaceLabels: labelMap(namespace.labels),
    labels: labelMap(pod.labels),
    serviceAccount: pod.serviceAccount,
    cluster,
    namedPorts: pod.namedPorts,
  };
}

export type IdentityChange = { readonly before: PodIdentity | undefined; readonly after: PodIdentity | undefined };

/** Which identity every pod of the cluster has. Counts the users of the allocator. */
export class PodIdentities {
  readonly #allocator: IdentityAllocator;
  readonly #cluster: string;
  readonly #rules: readonly LabelRule[] | undefined;
  readonly #byPod = new Map<string, PodIdentity>();
  #selectedKeys: ReadonlySet<string> = new Set();
  #filter: LabelFilter;

  constructor(options: { allocator: IdentityAllocator; cluster: string; rules?: readonly LabelRule[] | undefined }) {
    this.#allocator = options.allocator;
    this.#cluster = options.cluster;
    this.#rules = options.rules;
    this.#filter = this.#makeFilter(new Set());
  }

  get(podKey: string): PodIdentity | undefined {
    return this.#byPod.get(podKey);
  }

  get size(): number {
    return this.#byPod.size;
  }

  /** The identity after this row; no row, no namespace or a row that is no workload = none. E_IDENTITY_EXHAUSTED. */
  update(podKey: string, pod: PodRow | undefined, namespace: NamespaceRow | undefined): IdentityChange {
    const before = this.#byPod.get(podKey);
    const wanted = pod !== undefined && namespace !== undefined && isWorkload(pod);
    const after = wanted
      ? this.#allocator.acquire(this.#filter.reduce(workloadOf(pod, namespace, this.#cluster)))
      : undefined;
    if (after === undefined) this.#byPod.delete(podKey);
    else this.#byPod.set(podKey, after);
    if (before !== undefined) this.#allocator.release(before.id);
    return { before, after };
  }

  /** Label keys whose part in identities changes when policies select by `keys`: pods that carry one are to be updated. */
  select(keys: ReadonlySet<string>): ReadonlySet<string> {
    const old = this.#selectedKeys;
    const changed = [...keys].filter((key) => !old.has(key)).concat([...old].filter((key) => !keys.has(key)));
    if (changed.length === 0) return new Set();
    const before = this.#filter;
    this.#selectedKeys = keys;
    this.#filter = this.#makeFilter(keys);
    return new Set(changed.filter((key) => before.keeps(key) !== this.#filter.keeps(key)));
  }

  #makeFilter(selectedKeys: ReadonlySet<string>): LabelFilter {
    return new LabelFilter({ ...(this.#rules === undefined ? {} : { rules: this.#rules }), selectedKeys });
  }
}
