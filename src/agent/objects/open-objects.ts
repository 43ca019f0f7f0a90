import type { Service } from '../../base/index.ts';
import { type KubeClient, LeaseObject, NodeSliceObjects, readServiceRanges } from '../../kube/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { AgentNode } from '../node/index.ts';
import { EndpointsTeller } from './endpoints-teller.ts';
import { ObjectEvents } from './object-events.ts';
import type { Identities } from './open-identities.ts';
import { OperatorLease } from './operator-lease.ts';
import type { Receipt } from './receipt.ts';
import { Reflection } from './reflection.ts';
import { ServiceRanges } from './service-ranges.ts';

export type ObjectsParts = {
  readonly plane: Plane;
  readonly identities: Identities;
  readonly client: KubeClient;
  /** Of this agent, where nothing else is said. */
  readonly namespace: string;
};

export type Objects = {
  readonly reflection: Reflection;
  readonly teller: EndpointsTeller;
  readonly receipt: Pick<Receipt, 'problem'>;
  /** What this agent may say of nodes. */
  readonly slices: Pick<NodeSliceObjects, 'mayWrite'>;
  readonly servers: readonly Service[];
};

/** The API above the plane: what it says goes into the intent, and problems with objects go back. */
export function openObjects({ config, clock, log, registry }: AgentNode, parts: ObjectsParts): Objects {
  const { plane, identities, client, namespace } = parts;
  const { intent, problems } = plane;
  const { watchSeconds, enableServices: services, nodeName: node } = config;
  const reflection = new Reflection({
    client,
    intent,
    identities: identities.numbers.objects,
    nodeName: node,
    announced: identities.receipt.announced,
    log,
    services,
    watchSeconds,
  });
  const read = async (signal: AbortSignal) => await readServiceRanges(client, signal);
  const isAsked = !intent.serviceRanges.synced;
  const ranges = isAsked ? [new ServiceRanges({ read, ranges: intent.serviceRanges, clock, log })] : [];
  const events = new ObjectEvents({ client, problems, node, clock, log });
  const slices = new NodeSliceObjects(client);
  const teller = new EndpointsTeller({ store: slices, plane, node, clock, log });
  const lease = new LeaseObject(client, { namespace, ...config.operatorLease });
  const operator = new OperatorLease({ lease, registry, clock, log });
  return {
    reflection,
    teller,
    receipt: identities.receipt,
    slices,
    servers: [events, identities.placements, identities.receipt, reflection, teller, operator, ...ranges],
  };
}
