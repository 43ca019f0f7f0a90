import { agentEvents } from './agent-events.ts';
import { nodeName } from './flow-message.ts';
import { flowResponses } from './flows.ts';
import { NodeState } from './gen/relay/relay_pb.js';
import { peerChanges } from './peers.ts';
import type { HubbleSource } from './source.ts';
import type { HubbleTeller } from './teller.ts';

/** Of the flows of one node. */
export function nodeTeller(source: HubbleSource): HubbleTeller {
  const { hub, cluster, node, version, serverName } = source;
  const counts = () => {
    const { stored, capacity, seen } = hub.stats();
    const uptimeNs = BigInt(Math.round(performance.now() * 1e6));
    return { numFlows: BigInt(stored), maxFlows: BigInt(capacity), seenFlows: BigInt(seen), uptimeNs, version };
  };
  return {
    flows: (request, signal) => flowResponses(source, request, signal),
    status: async () => ({ ...counts(), flowsRate: hub.rate() }),
    nodes: async () => ({
      nodes: [
        {
          ...counts(),
          name: nodeName(cluster, node),
          address: source.peers().find(({ name }) => name === node)?.address ?? '',
          state: NodeState.NODE_CONNECTED,
          tls: { enabled: serverName !== undefined, serverName: serverName ?? '' },
        },
      ],
    }),
    namespaces: async () => ({ namespaces: hub.namespaces().map((namespace) => ({ cluster, namespace })) }),
    events: (request, signal) => agentEvents(source, request, signal),
    peers: (signal) => peerChanges(source, signal),
  };
}
