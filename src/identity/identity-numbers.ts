import type { Signal } from '../base/index.ts';
import type { IdentityId, PodIdentity, Workload } from '../model/index.ts';
import type { ReadonlyTable } from '../table/index.ts';

/**
 * Who gives workloads their numbers, as a node's engine works with it: by itself (`IdentityAllocator`), or together with
 * all other nodes (`ClusterNumbers`). A number means one workload here until a pass has taken it out of everything
 * (`expire`, `settle`), and another only after that.
 */
export type IdentityNumbers = {
  /** False: what numbers mean is not known yet; no decision before. */
  readonly synced: boolean;
  /** There may be another answer now for who was told to wait, or something for `follow`. */
  readonly changed: Signal;
  /** Takes in what others have decided. Returns numbers that mean nobody any more: whoever has one asks anew. */
  follow(): ReadonlySet<IdentityId>;
  /**
   * The identity of a workload (as `LabelFilter.reduce` gives it), with one more user. E_IDENTITY_RESTING and
   * E_IDENTITY_ASKED: not yet, ask again in the pass after `changed`; others: no. Either leaves everything as it was.
   * `isOwn`: of a pod of this node, which is the one that asks for a number where there is none.
   */
  acquire(workload: Workload, isOwn: boolean): PodIdentity;
  /** One user less. The identity stays known until `expire` returns it. */
  release(id: IdentityId): void;
  /** What means nobody any more: to be removed from policy and from the kernel. Returned again until `settle`. */
  expire(): PodIdentity[];
  /** Nothing in the kernel means what `expire` returned. True when there was something. */
  settle(): boolean;
  get(id: IdentityId): PodIdentity | undefined;
  /** 0 for an identity that is only known. */
  users(id: IdentityId): number;
  /** All that are known, used or not, by number in text; for who follows what becomes of them. */
  readonly known: ReadonlyTable<PodIdentity>;
  identities(): PodIdentity[];
};
