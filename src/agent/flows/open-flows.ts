import type { Service } from '../../base/index.ts';
import type { FlowHub, NamesNow } from '../../observe/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { AgentNode } from '../node/index.ts';
import type { PolicyTally } from '../tally/index.ts';
import { Flows, openHub } from './flows.ts';

/** Who observes where no program tells anything is told nothing. */
const NOTHING = 16;
const NOBODY: NamesNow = {
  labels: () => undefined,
  endpoint: () => undefined,
  address: () => undefined,
  rule: () => undefined,
  denial: () => undefined,
  shadow: () => undefined,
};

export function openFlows(
  { config, kernel: { maps }, clock }: AgentNode,
  { endpoints, repository, installer, floor, intent, cluster }: Plane,
  tally: PolicyTally,
): { readonly hub: FlowHub; readonly wouldDrops: ReadonlyMap<string, number>; readonly servers: readonly Service[] } {
  const { nodeName: node, flowBuffer: buffer } = config;
  if (!config.enableEvents) {
    const hub = openHub({ node, storeSize: NOTHING, clock, names: NOBODY });
    return { hub, wouldDrops: new Map(), servers: [] };
  }
  const { book } = cluster;
  const apiServers = () => cluster.apiServers;
  const flows = new Flows({
    maps,
    node,
    buffer,
    endpoints,
    repository,
    installer,
    floor,
    intent,
    apiServers,
    book,
    tally,
    clock,
  });
  return { hub: flows.hub, wouldDrops: flows.wouldDrops.counts, servers: [flows] };
}
