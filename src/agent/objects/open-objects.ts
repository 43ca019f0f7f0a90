import type { Service } from '../../base/index.ts';
import { KubeClient, type KubeConnection, readServiceRanges } from '../../kube/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { AgentNode } from '../node/index.ts';
import { ObjectEvents } from './object-events.ts';
import { Reflection } from './reflection.ts';
import { ServiceRanges } from './service-ranges.ts';

export type Objects = { readonly reflection: Reflection; readonly servers: readonly Service[] };

/** The API above the plane: what it says goes into the intent, and problems with objects go back. */
export function openObjects({ config, clock, log }: AgentNode, plane: Plane, connection: KubeConnection): Objects {
  const { intent, problems } = plane;
  const client = new KubeClient(connection);
  const { watchSeconds, enableServices: services, nodeName: node } = config;
  const reflection = new Reflection({ client, intent, log, services, watchSeconds });
  const read = async (signal: AbortSignal) => await readServiceRanges(client, signal);
  const isAsked = !intent.serviceRanges.synced;
  const ranges = isAsked ? [new ServiceRanges({ read, ranges: intent.serviceRanges, clock, log })] : [];
  return { reflection, servers: [new ObjectEvents({ client, problems, node, clock, log }), reflection, ...ranges] };
}
