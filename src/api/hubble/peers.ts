import { create } from '@bufbuild/protobuf';
import { type ChangeNotification, ChangeNotificationSchema, ChangeNotificationType } from './gen/peer/peer_pb.js';
import type { HubblePeer, HubbleSource } from './source.ts';

/** The nodes that there are, and from then on those that come, go and move. */
export async function* peerChanges(source: HubbleSource, signal: AbortSignal): AsyncGenerator<ChangeNotification> {
  let known = new Map<string, HubblePeer>();
  let wake = Promise.withResolvers<void>();
  const changed = () => wake.resolve();
  source.onPeers(changed, signal);
  signal.addEventListener('abort', changed, { once: true });
  while (!signal.aborted) {
    wake = Promise.withResolvers();
    const now = new Map(source.peers().map((peer) => [peer.name, peer]));
    const told = difference(known, now);
    known = now;
    for (const { peer, type } of told) yield notification(source, peer, type);
    if (!signal.aborted) await wake.promise;
  }
}

function difference(before: ReadonlyMap<string, HubblePeer>, now: ReadonlyMap<string, HubblePeer>) {
  const gone = [...before.values()].filter(({ name }) => !now.has(name));
  const come = [...now.values()].filter(({ name }) => !before.has(name));
  const moved = [...now.values()].filter(({ name, address }) => (before.get(name)?.address ?? address) !== address);
  return [
    ...gone.map((peer) => ({ peer, type: ChangeNotificationType.PEER_DELETED })),
    ...come.map((peer) => ({ peer, type: ChangeNotificationType.PEER_ADDED })),
    ...moved.map((peer) => ({ peer, type: ChangeNotificationType.PEER_UPDATED })),
  ];
}

function notification({ cluster, serverName }: HubbleSource, peer: HubblePeer, type: ChangeNotificationType) {
  return create(ChangeNotificationSchema, {
    name: `${cluster}/${peer.name}`,
    address: peer.address,
    type,
    ...(serverName === undefined ? {} : { tls: { serverName } }),
  });
}
