import type { NamespacedName } from '../base/index.ts';
import type { Addr, Prefix } from '../net/index.ts';

/** What this node knows beside the objects. */
export type ServiceContext = {
  readonly nodeName: string;
  /** `topology.kubernetes.io/zone` of this node; empty: not known. */
  readonly zone: string;
  /** Of any node of the cluster, or of this one's devices. */
  readonly isNodeAddress: (addr: Addr) => boolean;
  /** Does this pod (`namespace/name`) run in the host network of the node with this address? */
  readonly isHostPod: (pod: NamespacedName, addr: Addr) => boolean;
  /** Where external addresses of services may lie; none: nowhere. */
  readonly addressRanges: readonly Prefix[];
  /** What one Service may have. */
  readonly most: { readonly frontends: number; readonly backends: number };
  readonly nodePorts: { readonly min: number; readonly max: number };
};
