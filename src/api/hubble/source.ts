import type { AgentNotices, FlowHub, Rights } from '../../observe/index.ts';
import type { EndpointView } from '../views/endpoint.ts';
import type { ServiceView } from '../views/service.ts';
import type { VerifyView } from '../views/verify.ts';
import type { WhyRequest, WhyView } from '../views/why.ts';

/** A node of the cluster, as others reach its flows. */
export type HubblePeer = {
  readonly name: string;
  /** `10.0.0.1:4244`; empty: not from outside. */
  readonly address: string;
};

/** Whose namespaces are; empty name: that nobody claims. `closed`: why all of it is. */
export type TenantNamespaces = {
  readonly name: string;
  readonly namespaces: readonly string[];
  readonly closed?: string | undefined;
};

/** What there is on a node; `tenants` and `policies`: of the cluster. */
export type NodeInventory = {
  readonly endpoints: readonly EndpointView[];
  readonly services: readonly ServiceView[];
  readonly tenants: readonly TenantNamespaces[];
  readonly policies: number;
};

/** What was proved last. `isOfNow`: Tenants are what they were then. */
export type LastProof =
  | { readonly view: VerifyView; readonly isOfNow: boolean }
  /** Why nothing is proved. */
  | { readonly view: undefined; readonly silent: string };

/** Who is apart from whom on a node, and why. Whoever asks may see all that it tells: who may see what is judged around it. */
export type NodeProver = {
  readonly last: () => LastProof;
  /** Namespaces of each tenant by its name; of `''`: that nobody claims. */
  readonly tenants: () => ReadonlyMap<string, readonly string[]>;
  /** What opens from the one tenant to the other. */
  readonly reach: (from: string, to: string) => Promise<VerifyView>;
  /** `sees`: nothing is told of pods of other namespaces, nor of prefixes. */
  readonly why: (request: WhyRequest, sees: ((namespace: string) => boolean) | undefined) => Promise<WhyView>;
};

/** Whose flows are served. */
export type HubbleSource = {
  readonly hub: Pick<FlowHub, 'observe' | 'stats' | 'namespaces' | 'rate'>;
  /** Of those who do not see all; undefined: nobody else is told anything. */
  readonly rights?: Pick<Rights, 'viewer'> | undefined;
  /** Undefined: nothing but flows is told. */
  readonly inventory?: (() => Promise<NodeInventory>) | undefined;
  /** Undefined: nothing is proved here. */
  readonly prover?: NodeProver | undefined;
  readonly notices: Pick<AgentNotices, 'read'>;
  readonly cluster: string;
  readonly node: string;
  readonly version: string;
  /** All nodes, this one too. */
  readonly peers: () => readonly HubblePeer[];
  /** Calls back when the peers may have changed, until the signal is aborted. */
  readonly onPeers: (changed: () => void, signal: AbortSignal) => void;
  /** Name by which peers are to be known in their certificates; undefined: no TLS. */
  readonly serverName: string | undefined;
};
