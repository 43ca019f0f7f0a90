import { type NamespacedName, namespacedName } from '../base/index.ts';
import {
  type NamespaceRow,
  type NodeEndpointSlice,
  type NodeRow,
  type ObjectRow,
  type PodRow,
  type PolicyKey,
  type PolicyObject,
  policyKey,
  type ServiceSpec,
  type SliceSpec,
  type TenantRow,
} from '../model/index.ts';
import type { Prefix } from '../net/index.ts';
import { POLICY_KINDS, type PolicyKind } from '../policy/index.ts';
import { Table } from '../table/index.ts';

const table = <Row extends ObjectRow>(): Table<Row, NamespacedName> => new Table<Row, NamespacedName>(namespacedName);

/**
 * What the cluster is meant to be: the objects that somebody who knows says there are, by `namespace/name`; policies of all
 * kinds in one table.
 */
export class Intent {
  /** Of this node. */
  readonly pods = table<PodRow>();
  readonly namespaces = table<NamespaceRow>();
  readonly nodes = table<NodeRow>();
  /** What each node tells of its pods, this one included. */
  readonly nodeSlices = table<NodeEndpointSlice>();
  readonly tenants = table<TenantRow>();
  readonly policies: Table<PolicyObject, PolicyKey>;
  readonly services = new Table<ServiceSpec, NamespacedName>(namespacedName);
  readonly slices = new Table<SliceSpec, NamespacedName>(namespacedName);
  /** Where services get their addresses from; what is given out of others says the service itself. */
  readonly serviceRanges = new Table<Prefix>(String);

  constructor(kinds: readonly PolicyKind[] = POLICY_KINDS) {
    this.policies = new Table<PolicyObject, PolicyKey>(
      policyKey,
      kinds.map(({ names }) => names.kind),
    );
  }

  /** Before this, no decision: what is missing may only not have arrived yet. */
  get synced(): boolean {
    const { serviceRanges, pods, namespaces, nodes, nodeSlices, tenants, policies } = this;
    return [serviceRanges, pods, namespaces, nodes, nodeSlices, tenants, policies].every(({ synced }) => synced);
  }

  /** Before this, no decision about services. Pods among them: one in the host network has the address of its node. */
  get servicesSynced(): boolean {
    const { services, slices, nodes, nodeSlices, pods } = this;
    return [services, slices, nodes, nodeSlices, pods].every(({ synced }) => synced);
  }
}
