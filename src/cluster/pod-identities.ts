import { errorMessage, isMembraneError, type NamespacedName, namespacedName } from '../base/index.ts';
import type { ClusterNumbers, LabelRule } from '../identity/index.ts';
import type { IdentityId, PodIdentity, PodRow, PodSelector } from '../model/index.ts';
import type { SelectedLabel } from '../policy/index.ts';
import { type ReadonlyTable, Table, type TableReader } from '../table/index.ts';
import type { IdentityRow, WaitingRow } from './identity-row.ts';
import type { Intent } from './intent.ts';
import { isWorkload, workloadOf } from './pod-workload.ts';
import { type Meeting, ToldLabels } from './told-labels.ts';

export type PodIdentitiesOptions = {
  readonly intent: Pick<Intent, 'pods' | 'namespaces'>;
  /** Who gives the numbers. */
  readonly allocator: Pick<ClusterNumbers, 'follow' | 'acquire' | 'release'>;
  readonly cluster: string;
  readonly rules?: readonly LabelRule[] | undefined;
  /** Labels that policies select by. */
  readonly selected: ReadonlyTable<SelectedLabel>;
};

/**
 * From this node's pods and namespaces to the row that says who each pod is. Others see the rows only, and do not know who gave the
 * numbers. Counts the users of whoever did.
 */
export class PodIdentities {
  readonly #o: PodIdentitiesOptions;
  readonly #rows = new Table<IdentityRow, NamespacedName>(({ pod }) => pod);
  readonly #pods: TableReader<NamespacedName>;
  readonly #namespaces: TableReader<NamespacedName>;
  /** Without a number; asked for again each time. */
  readonly #waiting = new Set<NamespacedName>();
  readonly #told: ToldLabels;

  constructor(options: PodIdentitiesOptions) {
    this.#o = options;
    this.#pods = options.intent.pods.reader();
    this.#namespaces = options.intent.namespaces.reader();
    const { selected, rules } = options;
    this.#told = new ToldLabels({ selected, rules });
  }

  /** By the pod's `namespace/name`. */
  get rows(): ReadonlyTable<IdentityRow, NamespacedName> {
    return this.#rows;
  }

  /** Of a pod that has one. */
  get(pod: NamespacedName): PodIdentity | undefined {
    const row = this.#rows.get(pod);
    return row?.state === 'assigned' ? row.identity : undefined;
  }

  /** Pods without a number. */
  get waiting(): readonly WaitingRow[] {
    const found = Array.from(this.#waiting, (pod) => this.#rows.get(pod));
    return found.flatMap((row) => (row === undefined || row.state === 'assigned' ? [] : [row]));
  }

  /** `meeting`: who has to do with whom at all. Default: everybody. */
  follow(meeting?: Meeting): void {
    this.#touch(this.#namespaces.drain(), (pod, names) => names.has(pod.namespace));
    const keys = this.#told.follow(meeting);
    this.#touch(keys, (pod, changed) => Object.keys(pod.labels).some((key) => changed.has(key)));
    this.#pods.touch(this.#waiting);
    this.#touchLost(this.#o.allocator.follow());
    for (const pod of this.#pods.drain()) this.#followPod(pod);
  }

  #touch(names: ReadonlySet<string>, concerns: (pod: PodRow, names: ReadonlySet<string>) => boolean): void {
    if (names.size === 0) return;
    const { pods } = this.#o.intent;
    this.#pods.touch(Array.from(pods.rows).flatMap(([key, pod]) => (concerns(pod, names) ? [key] : [])));
  }

  #touchLost(lost: ReadonlySet<IdentityId>): void {
    if (lost.size === 0) return;
    const has = (row: IdentityRow): boolean => row.state === 'assigned' && lost.has(row.identity.id);
    this.#pods.touch(Array.from(this.#rows.rows).flatMap(([pod, row]) => (has(row) ? [pod] : [])));
  }

  #followPod(pod: NamespacedName): void {
    const before = this.#rows.get(pod);
    let after = this.#ask(pod);
    if (after !== undefined && after.state !== 'assigned' && before?.state === 'assigned') {
      // It must not go on under the number that it had, which may be the one that it gets.
      this.#o.allocator.release(before.identity.id);
      after = this.#ask(pod);
    } else if (before?.state === 'assigned') this.#o.allocator.release(before.identity.id);
    if (after === undefined) this.#rows.delete(pod);
    else if (!isSame(before, after)) this.#rows.set(after);
    if (after === undefined || after.state === 'assigned') this.#waiting.delete(pod);
    else this.#waiting.add(pod);
  }

  /** No row for a pod that is not there, whose namespace is not, or that is no workload. */
  #ask(pod: NamespacedName): IdentityRow | undefined {
    const { intent, allocator, cluster } = this.#o;
    const row = intent.pods.get(pod);
    const namespace = row === undefined ? undefined : intent.namespaces.get(namespacedName({ name: row.namespace }));
    if (row === undefined || namespace === undefined || !isWorkload(row)) return undefined;
    try {
      const isTold = (key: string): boolean => this.#told.tells(key, namespace);
      const workload = this.#told.filter.reduce(workloadOf(row, namespace, cluster), isTold);
      const identity = allocator.acquire(workload);
      return { pod, state: 'assigned', identity };
    } catch (error) {
      const why = errorMessage(error);
      const isFailing = isMembraneError(error, 'E_IDENTITY_UNANSWERED');
      const isPending = isFailing || isMembraneError(error, 'E_IDENTITY_ASKED');
      return isPending ? { pod, state: 'pending', why, isFailing } : { pod, state: 'refused', why };
    }
  }

  /** The labels of a selector of a policy in `home` of which identities that it could select do not tell. */
  untold(selector: PodSelector, home: string | undefined): string[] {
    const keys = selector.pods.requirements.map(({ key }) => key);
    return keys.filter((key) => !this.#told.tellsAll(key, selector, home));
  }
}

function isSame(before: IdentityRow | undefined, after: IdentityRow): boolean {
  if (before?.state === 'assigned' && after.state === 'assigned') return before.identity === after.identity;
  if (before === undefined || before.state === 'assigned' || after.state === 'assigned') return false;
  return before.state === after.state && before.why === after.why;
}
