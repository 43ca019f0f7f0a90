import { connect } from 'node:net';
import type { PeerView } from '../../api/index.ts';
import { podRangesOf, tunnelOf } from '../../cluster/index.ts';
import type { TunnelTraffic } from '../../datapath/index.ts';
import type { NodeRow } from '../../model/index.ts';
import type { Addr } from '../../net/index.ts';

/** Every node of a cluster has something there, or refuses at once: either is an answer. */
const KUBELET_PORT = 10_250;
const TIMEOUT_MS = 500;
/** So many are asked at once; of a larger cluster nobody wants to see each. */
const MAX_ASKED = 64;

export type PeerContext = {
  readonly nodeName: string;
  readonly nodes: Iterable<NodeRow>;
  /** Undefined: there is no tunnel. */
  readonly traffic: () => Promise<ReadonlyMap<Addr, TunnelTraffic>> | undefined;
  readonly answers?: (addr: Addr) => Promise<boolean>;
};

/** The other nodes: known from the API, asked over the network below, and what conntrack has of the tunnel to them. */
export async function peerViews({ nodeName, nodes, traffic, answers = answersAt }: PeerContext): Promise<PeerView[]> {
  const peers = Array.from(nodes)
    .filter(({ name }) => name !== nodeName)
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  const isAsked = peers.length <= MAX_ASKED;
  const [found, reached] = await Promise.all([
    traffic(),
    Promise.all(
      peers.map(async (peer) => {
        const address = tunnelOf(peer);
        return address === null || !isAsked ? undefined : await answers(address);
      }),
    ),
  ]);
  return peers.map((peer, index) => {
    const address = tunnelOf(peer);
    const answered = reached[index];
    return {
      name: peer.name,
      ...(address !== null && { address }),
      podCIDRs: podRangesOf(peer).map(String),
      ...(answered !== undefined && { answers: answered }),
      ...(found !== undefined && { tunnel: tunnelView(address === null ? undefined : found.get(address)) }),
    };
  });
}

function tunnelView(traffic: TunnelTraffic | undefined): NonNullable<PeerView['tunnel']> {
  return traffic === undefined ? { connections: 0, unanswered: 0 } : { ...traffic };
}

/** A refusal comes from there as well. */
async function answersAt(addr: Addr): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: addr, port: KUBELET_PORT });
  socket.setTimeout(TIMEOUT_MS, () => resolve(false));
  socket.once('connect', () => resolve(true));
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  return await promise.finally(() => socket.destroy());
}
