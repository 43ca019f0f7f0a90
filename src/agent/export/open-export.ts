import { isLoopback, openFlowCollector, openFlowLines } from '../../api/server.ts';
import { packageVersion } from '../../base/home.ts';
import { errorMessage, isMembraneError, type Service } from '../../base/index.ts';
import type { FlowHub } from '../../observe/index.ts';
import { agentErrors } from '../errors.ts';
import type { AgentNode } from '../node/index.ts';
import { exportMetrics, otlpMetrics } from './export-metrics.ts';
import { FlowExport } from './flow-export.ts';
import { OtlpExport } from './otlp-export.ts';
import { RotatingFile } from './rotating-file.ts';

type Standing = { readonly problems: readonly string[]; readonly fine: string };

export type OpenedExport = {
  readonly services: readonly Service[];
  /** Why nothing is exported that should be, and what is when all is well. */
  readonly standing: () => Standing;
};

type Exporting = { readonly service: Service; readonly standing: () => Standing };
type Parts = Pick<AgentNode, 'config' | 'registry' | 'log' | 'clock'>;
type Hub = Pick<FlowHub, 'observe'>;

const MEGABYTE = 1_000_000;

/** To a file, to a collector, to both or to none. E_AGENT_EXPORT for filters or a field mask that cannot be read; E_AGENT_OTLP_PLAIN. */
export async function openExport(parts: Parts, hub: Hub): Promise<OpenedExport> {
  const opened = await Promise.all([openFile(parts, hub), openOtlp(parts, hub)]).catch((error: unknown) => {
    if (isMembraneError(error, 'E_AGENT_OTLP_PLAIN')) throw error;
    throw agentErrors.make('E_AGENT_EXPORT', { detail: errorMessage(error), cause: error });
  });
  const all = opened.filter((one) => one !== undefined);
  return {
    services: all.map(({ service }) => service),
    standing: () => {
      const standings = all.map(({ standing }) => standing());
      return {
        problems: standings.flatMap(({ problems }) => problems),
        fine: standings.length === 0 ? 'off' : standings.map(({ fine }) => fine).join('; '),
      };
    },
  };
}

async function openFile({ config, registry, log }: Parts, hub: Hub): Promise<Exporting | undefined> {
  const { clusterName: cluster, nodeName: node, flowExport, enableEvents } = config;
  const { file: path, maxSizeMB, keep, ...choice } = flowExport;
  if (path === undefined) return undefined;
  const flows = await openFlowLines({ hub, cluster, node }, choice);
  const file = new RotatingFile({ path, maxBytes: maxSizeMB * MEGABYTE, keep });
  const service = new FlowExport({ path, file, flows, log });
  exportMetrics(registry, service);
  return {
    service,
    standing: () => {
      const { problem, written, lost } = service;
      const gone = lost.slow + lost.file;
      return standingOf(path, {
        problem,
        gone,
        fine: `${written} flows written to ${path}, ${gone} lost`,
        enableEvents,
      });
    },
  };
}

async function openOtlp({ config, registry, log, clock }: Parts, hub: Hub): Promise<Exporting | undefined> {
  const { clusterName: cluster, nodeName: node, otlp, enableEvents } = config;
  const { endpoint, allowPlainText, timeoutSeconds, allow, deny, fieldMask, ...how } = otlp;
  if (endpoint === undefined) return undefined;
  const { protocol, hostname } = new URL(endpoint);
  if (protocol === 'http:' && !allowPlainText && !isLoopback(hostname.replaceAll(/[[\]]/g, '')))
    throw agentErrors.make('E_AGENT_OTLP_PLAIN', { detail: endpoint });
  const { logs, collector } = await openFlowCollector(
    { hub, cluster, node },
    { choice: { allow, deny, fieldMask }, collector: { ...how, endpoint, cluster, node, version: packageVersion() } },
  );
  const service = new OtlpExport({ endpoint, collector, logs, timeoutMs: timeoutSeconds * 1_000, clock, log });
  otlpMetrics(registry, service);
  return {
    service,
    standing: () => {
      const { problem, sent, lost } = service;
      const gone = lost.slow + lost.refused + lost.unreachable;
      return standingOf(endpoint, {
        problem,
        gone,
        fine: `${sent} flows sent to ${endpoint}, ${gone} lost`,
        enableEvents,
      });
    },
  };
}

function standingOf(
  to: string,
  {
    problem,
    gone,
    fine,
    enableEvents,
  }: {
    readonly problem: string | undefined;
    readonly gone: number;
    readonly fine: string;
    readonly enableEvents: boolean;
  },
): Standing {
  if (!enableEvents) return { problems: [`nothing is told of flows for ${to}: enableEvents is false`], fine };
  return { problems: problem === undefined ? [] : [`${problem}; ${gone} lost`], fine };
}
