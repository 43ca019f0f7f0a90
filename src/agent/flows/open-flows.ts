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

export type NodeFlows = {
  readonly hub: FlowHub;
  /** What has been seen that Tenants that observe would drop, by reason. */
  readonly wouldDrops: ReadonlyMap<string, number>;
  /** What staged policies would change, by what that is. */
  readonly stagedVerdicts: ReadonlyMap<string, number>;
  readonly servers: readonly Service[];
};

export function openFlows(
  { config, kernel: { maps }, clock }: AgentNode,
  { endpoints, repository, installer, policies, floor, intent, problems, cluster }: Plane,
  tally: PolicyTally,
): NodeFlows {
  const { nodeName: node, flowBuffer: buffer } = config;
  if (!config.enableEvents) {
    const hub = openHub({ node, storeSize: NOTHING, clock, names: NOBODY });
    return { hub, wouldDrops: new Map(), stagedVerdicts: new Map(), servers: [] };
  }
  const { book, identities } = cluster;
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
    problems,
    identities,
    staged: policies.staged,
    apiServers,
    book,
    tally,
    clock,
  });
  const { hub, wouldDrops, stagedVerdicts } = flows;
  return { hub, wouldDrops: wouldDrops.counts, stagedVerdicts: stagedVerdicts.counts, servers: [flows] };
}
