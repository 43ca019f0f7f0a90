import type { AgentNotices, FlowHub, Rights } from '../../observe/index.ts';

/** A node of the cluster, as others reach its flows. */
export type HubblePeer = {
  readonly name: string;
  /** `10.0.0.1:4244`; empty: not from outside. */
  readonly address: string;
};

/** Whose flows are served. */
export type HubbleSource = {
  readonly hub: Pick<FlowHub, 'observe' | 'stats' | 'namespaces' | 'rate'>;
  /** Of those who do not see all; undefined: nobody else is told anything. */
  readonly rights?: Pick<Rights, 'viewer'> | undefined;
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
