import { type HubblePeer, HubbleServer, type HubbleSource, type HubbleTls, openNodeTeller } from '../../api/server.ts';
import type { Service } from '../../base/index.ts';
import { AgentNotices, type FlowHub, type Rights } from '../../observe/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { AgentConfig, AgentNode } from '../node/index.ts';
import type { FlowReviews } from './flow-rights.ts';
import { noticeWatch } from './notice-watch.ts';

export type HubbleParts = {
  readonly plane: Pick<Plane, 'intent' | 'endpoints'>;
  readonly hub: FlowHub;
  readonly rights: Rights;
  readonly reviews: FlowReviews;
  readonly version: string;
  /** What there is on this node. */
  readonly inventory: NonNullable<HubbleSource['inventory']>;
  /** Who is apart from whom on it. */
  readonly prover: NonNullable<HubbleSource['prover']>;
};

/** What tells flows to Hubble's clients. */
export function openHubble(
  { config, clock, log }: AgentNode,
  { plane, hub, rights, reviews, version, inventory, prover }: HubbleParts,
): readonly Service[] {
  const { hubble, hubbleSocket, clusterName: cluster, nodeName: node } = config;
  if (!hubble.enabled) return [];
  const { nodes } = plane.intent;
  const notices = new AgentNotices();
  const tls = tlsOf(hubble);
  const waiting = new Set<() => void>();
  nodes.changed.listen(() => waiting.forEach((changed) => changed()));
  const source: HubbleSource = {
    hub,
    rights,
    inventory,
    prover,
    notices,
    cluster,
    node,
    version,
    peers: () =>
      Array.from(nodes.rows.values(), ({ name, addresses }) =>
        peerOf(name, addresses, server.port ?? (hubble.port === 0 ? undefined : hubble.port)),
      ),
    onPeers: (changed, signal) => {
      waiting.add(changed);
      signal.addEventListener('abort', () => waiting.delete(changed), { once: true });
    },
    serverName: tls === undefined ? undefined : (hubble.serverName ?? node),
  };
  const server = new HubbleServer({
    teller: async () => await openNodeTeller(source),
    socketPath: hubbleSocket,
    tcp: hubble.port === undefined ? undefined : { host: hubble.host, port: hubble.port, tls, isOpen: hubble.open },
    identify: reviews.ofToken,
    log,
  });
  return [noticeWatch(plane, notices, clock), server];
}

/** Every node is taken to serve as this one does. */
function peerOf(name: string, [address]: readonly string[], port: number | undefined): HubblePeer {
  if (address === undefined || port === undefined) return { name, address: '' };
  return { name, address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}` };
}

function tlsOf({ certFile, keyFile, clientCaFile, relayCaFile }: AgentConfig['hubble']): HubbleTls | undefined {
  if (certFile === undefined || keyFile === undefined) return undefined;
  return { certFile, keyFile, clientCaFile, relayCaFile };
}
