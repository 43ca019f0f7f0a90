import type { Service } from '../../base/index.ts';
import { FlowHub } from '../../observe/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { AgentNode } from '../node/index.ts';
import { Flows } from './flows.ts';

/** Who observes where no program tells anything is told nothing. */
const NOTHING = 16;

export function openFlows(
  { config, kernel: { maps, words }, clock }: AgentNode,
  { endpoints, repository, installer, cluster: { book } }: Plane,
): { readonly hub: FlowHub; readonly servers: readonly Service[] } {
  if (!config.enableEvents) return { hub: new FlowHub({ storeSize: NOTHING }), servers: [] };
  const { nodeName: node, flowBuffer: buffer } = config;
  const flows = new Flows({ maps, node, buffer, endpoints, repository, installer, book, words, clock });
  return { hub: flows.hub, servers: [flows] };
}
