import type { AgentNotices, FlowHub, Rights } from '../../observe/index.ts';
import type { EndpointView } from '../views/endpoint.ts';
import type { ServiceView } from '../views/service.ts';

/** A node of the cluster, as others reach its flows. */
export type HubblePeer = {
  readonly name: string;
  /** `10.0.0.1:4244`; empty: not from outside. */
  readonly address: string;
};

/** What there is on a node; `policies`: of the cluster. */
export type NodeInventory = {
  readonly endpoints: readonly EndpointView[];
  readonly services: readonly ServiceView[];
  readonly policies: number;
};

/** Whose flows are served. */
export type HubbleSource = {
  readonly hub: Pick<FlowHub, 'observe' | 'stats' | 'namespaces' | 'rate'>;
  /** Of those who do not see all; undefined: nobody else is told anything. */
  readonly rights?: Pick<Rights, 'viewer'> | undefined;
  /** Undefined: nothing but flows is told. */
  readonly inventory?: (() => Promise<NodeInventory>) | undefined;
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
