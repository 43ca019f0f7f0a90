import type { Service } from '../../base/index.ts';
import type { FlowHub, NamesNow } from '../../observe/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { AgentNode } from '../node/index.ts';
import { Flows, openHub } from './flows.ts';

/** Who observes where no program tells anything is told nothing. */
const NOTHING = 16;
const NOBODY: NamesNow = {
  labels: () => undefined,
  endpoint: () => undefined,
  address: () => undefined,
  rule: () => undefined,
  denial: () => undefined,
};

export function openFlows(
  { config, kernel: { maps }, clock }: AgentNode,
  { endpoints, repository, installer, cluster: { book } }: Plane,
): { readonly hub: FlowHub; readonly servers: readonly Service[] } {
  const { nodeName: node, flowBuffer: buffer } = config;
  if (!config.enableEvents) return { hub: openHub({ node, storeSize: NOTHING, clock, names: NOBODY }), servers: [] };
  const flows = new Flows({ maps, node, buffer, endpoints, repository, installer, book, clock });
  return { hub: flows.hub, servers: [flows] };
}
