import { openFlowLines } from '../../api/server.ts';
import { errorMessage, type Service } from '../../base/index.ts';
import type { FlowHub } from '../../observe/index.ts';
import { agentErrors } from '../errors.ts';
import type { AgentNode } from '../node/index.ts';
import { exportMetrics } from './export-metrics.ts';
import { FlowExport } from './flow-export.ts';
import { RotatingFile } from './rotating-file.ts';

export type OpenedExport = {
  readonly services: readonly Service[];
  /** Why nothing is exported that should be, and what is when all is well. */
  readonly standing: () => { readonly problems: readonly string[]; readonly fine: string };
};

const MEGABYTE = 1_000_000;

/** E_AGENT_EXPORT for filters or a field mask that cannot be read. */
export async function openExport(
  { config, registry, log }: Pick<AgentNode, 'config' | 'registry' | 'log'>,
  hub: Pick<FlowHub, 'observe'>,
): Promise<OpenedExport> {
  const { clusterName: cluster, nodeName: node, flowExport, enableEvents } = config;
  const { file: path, maxSizeMB, keep, allow, deny, fieldMask } = flowExport;
  if (path === undefined) return { services: [], standing: () => ({ problems: [], fine: 'off' }) };
  const flows = await openFlowLines({ hub, cluster, node }, { allow, deny, fieldMask }).catch((error: unknown) => {
    throw agentErrors.make('E_AGENT_EXPORT', { detail: errorMessage(error), cause: error });
  });
  const file = new RotatingFile({ path, maxBytes: maxSizeMB * MEGABYTE, keep });
  const exporting = new FlowExport({ path, file, flows, log });
  exportMetrics(registry, exporting);
  return {
    services: [exporting],
    standing: () => {
      const { problem, written, lost } = exporting;
      const fine = `${written} flows written to ${path}, ${lost.slow + lost.file} lost`;
      if (!enableEvents) return { problems: [`nothing is told of flows for ${path}: enableEvents is false`], fine };
      return { problems: problem === undefined ? [] : [`${problem}; ${lost.slow + lost.file} lost`], fine };
    },
  };
}
