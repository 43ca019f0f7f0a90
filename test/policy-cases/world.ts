import type {
  FrontendKind,
  LabelMap,
  NamedPort,
  PolicyEntry,
  PolicyKey,
  ServiceSpec,
  TenantRow,
} from '../../src/model/index.ts';
import { type Addr, parseAddr } from '../../src/net/index.ts';
import type { PolicySettings } from '../../src/policy/index.ts';
import type { TenancySettings } from '../../src/tenant/index.ts';

export type WorldNode = { readonly name: string; readonly addrs: readonly Addr[]; readonly apiserver: boolean };

export type WorldPod = {
  readonly namespace: string;
  readonly name: string;
  /** Empty for a host-network pod: it has its node's. */
  readonly addrs: readonly Addr[];
  readonly node: string;
  readonly labels: LabelMap;
  readonly namedPorts: readonly NamedPort[];
  readonly serviceAccount: string;
  readonly hostNetwork: boolean;
};

export type WorldService = {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIP: Addr;
  /** Of the pods behind it; undefined: `endpoints`. */
  readonly selector: LabelMap | undefined;
  readonly endpoints: readonly Addr[];
  readonly ports: readonly {
    readonly port: number;
    /** A name is the destination pod's own. */
    readonly targetPort: number | string;
    readonly protocol: NamedPort['protocol'];
  }[];
};

/** Tenants, and the Services that they share. The settings are those of a plane as long as it lives. */
export type WorldTenancy = {
  readonly settings: TenancySettings;
  readonly tenants: readonly TenantRow[];
  readonly services: readonly ServiceSpec[];
};

/** Everything that is true at one step of a case. */
export type World = {
  readonly settings: PolicySettings;
  readonly nodes: readonly WorldNode[];
  readonly namespaces: ReadonlyMap<string, LabelMap>;
  readonly pods: readonly WorldPod[];
  readonly services: readonly WorldService[];
  readonly policies: ReadonlyMap<PolicyKey, readonly PolicyEntry[]>;
  /** Absent: there is no Tenant. */
  readonly tenancy?: WorldTenancy;
};

/** One end of a flow. A host-network pod is its node. */
export type Place =
  | { readonly kind: 'pod'; readonly pod: WorldPod; readonly addr: Addr }
  | { readonly kind: 'node'; readonly node: WorldNode; readonly addr: Addr }
  | { readonly kind: 'world'; readonly addr: Addr };

/** A new connection; both addresses are of one family. */
export type Flow = {
  readonly from: Place;
  readonly to: Place;
  /** IANA number. */
  readonly protocol: number;
  readonly port: number;
  /** Where the client connects, when that is a service and `to` the backend that it gets. */
  readonly frontend?: FlowFrontend | undefined;
};

/** A node port has an address of the node of the pod that is judged. */
export type FlowFrontend = { readonly kind: FrontendKind; readonly addr: Addr; readonly port: number };

/** The address under which the frontend is known. */
export function frontendAddr({ kind, addr }: FlowFrontend): Addr {
  return kind === 'NodePort' ? EVERY_ADDRESS : addr;
}

const EVERY_ADDRESS = parseAddr('::');

export const podKey = (pod: { namespace: string; name: string }): string => `${pod.namespace}/${pod.name}`;
