import { Code, ConnectError } from '@connectrpc/connect';
import { Turns } from '../../base/index.ts';
import { agentEvents } from './agent-events.ts';
import type { Caller } from './caller.ts';
import { nodeName } from './flow-message.ts';
import { flowResponses } from './flows.ts';
import { NodeState } from './gen/relay/relay_pb.js';
import { inventoryOf } from './inventory.ts';
import { peerChanges } from './peers.ts';
import { proofOf } from './proof.ts';
import { remedyOf } from './remedy.ts';
import type { HubbleSource } from './source.ts';
import type { HubbleTeller } from './teller.ts';
import { visibleNamespaces, whileSeesAll } from './viewer.ts';

/** What is thought about the whole cluster, at a time: it takes up to seconds of one processor. */
const THOUGHT_ABOUT = {
  most: 4,
  mostEach: 1,
  full: (detail: string) => new ConnectError(detail, Code.ResourceExhausted),
};

/** Of the flows of one node. */
export function nodeTeller(source: HubbleSource): HubbleTeller {
  const { hub, cluster, node, version, serverName } = source;
  const turns = new Turns(THOUGHT_ABOUT);
  /** How many flows there are says what others do: it is told to who may see them all. */
  const counts = async (caller: Caller) => {
    const isWhole = (await visibleNamespaces(source, caller)) === undefined;
    const { stored, capacity, seen } = hub.stats();
    const uptimeNs = BigInt(Math.round(performance.now() * 1e6));
    const [numFlows, seenFlows] = isWhole ? [BigInt(stored), BigInt(seen)] : [0n, 0n];
    return { isWhole, counts: { numFlows, maxFlows: BigInt(capacity), seenFlows, uptimeNs, version } };
  };
  return {
    flows: (request, caller, signal) => flowResponses(source, request, caller, signal),
    status: async (caller) => {
      const { isWhole, counts: counted } = await counts(caller);
      return { ...counted, flowsRate: isWhole ? hub.rate() : 0 };
    },
    nodes: async (caller) => ({
      nodes: [
        {
          ...(await counts(caller)).counts,
          name: nodeName(cluster, node),
          address: source.peers().find(({ name }) => name === node)?.address ?? '',
          state: NodeState.NODE_CONNECTED,
          tls: { enabled: serverName !== undefined, serverName: serverName ?? '' },
        },
      ],
    }),
    namespaces: async (caller) => {
      const visible = await visibleNamespaces(source, caller);
      const shown = hub.namespaces().filter((namespace) => visible?.has(namespace) ?? true);
      return { namespaces: shown.map((namespace) => ({ cluster, namespace })) };
    },
    inventory: async (request, caller) => await inventoryOf(source, request, caller),
    proof: async (request, caller) => await proofOf(source, request, caller, turns),
    remedy: async (request, caller) => await remedyOf(source, request, caller, turns),
    events: (request, caller, signal) =>
      whileSeesAll(source, caller, signal, (held) => agentEvents(source, request, held)),
    peers: (caller, signal) => whileSeesAll(source, caller, signal, (held) => peerChanges(source, held)),
  };
}
