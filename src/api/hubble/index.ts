import type { Identify } from './authenticate.ts';
import type { ChosenSource, FlowChoice } from './chosen-flows.ts';
import type { ClusterFlows } from './cluster-flows.ts';
import type { FlowLines } from './flow-lines.ts';
import type { HeardFlow } from './hubble-client.ts';
import type { Collector, CollectorOptions, FlowLogs } from './otlp/index.ts';
import type { NodeLinks, NodeLinksOptions } from './relay/node-links.ts';
import type { Lags, RelayCounts } from './relay/relay-counts.ts';
import type { HubbleSource } from './source.ts';
import type { HubbleTeller } from './teller.ts';

export type { Caller } from './caller.ts';
export type {
  ClusterFlowQuery,
  ClusterFlows,
  ClusterInventory,
  ClusterNode,
  ClusterProof,
  ClusterRemedy,
  ShownRequest,
} from './cluster-flows.ts';
export type { FlowLines } from './flow-lines.ts';
export { HubbleServer, type HubbleTcp, type HubbleTls } from './hubble-server.ts';
export type { Collector, FlowLogs } from './otlp/index.ts';
export type { HubblePeer, HubbleSource, NodeProver } from './source.ts';
export type { HubbleTeller } from './teller.ts';

/** The nodes behind a relay, and which of them answer. */
export type RelayNodes = Pick<NodeLinks, 'all'>;

/** What speaks the protocol is loaded when somebody asks. */
export async function openNodeTeller(source: HubbleSource): Promise<HubbleTeller> {
  const { nodeTeller } = await import('./node-teller.ts');
  return nodeTeller(source);
}

/** What comes from now on, as lines. Rejects for filters and paths of fields that cannot be read. */
export async function openFlowLines(
  source: ChosenSource,
  choice: FlowChoice,
): Promise<(signal: AbortSignal) => AsyncIterable<FlowLines>> {
  const module = await import('./flow-lines.ts');
  return module.flowLines(source, choice);
}

/** What comes from now on, as OpenTelemetry's LogRecords, and where they go. Rejects as `openFlowLines`. */
export async function openFlowCollector(
  source: ChosenSource,
  options: { readonly choice: FlowChoice; readonly collector: CollectorOptions },
): Promise<{ readonly logs: (signal: AbortSignal) => AsyncIterable<FlowLogs>; readonly collector: Collector }> {
  const { flowCollector } = await import('./otlp/index.ts');
  return flowCollector(source, options);
}

/** What comes from now on, as whoever the token is of may see it. */
export async function* hearFlows(
  options: { readonly socketPath: string; readonly token: string },
  signal: AbortSignal,
): AsyncGenerator<HeardFlow> {
  const client = await import('./hubble-client.ts');
  yield* client.hearFlows(options, signal);
}

/** The nodes behind a relay, which are to be started, and what tells of their flows. */
export async function openRelayTeller(
  options: NodeLinksOptions & { readonly version: string; readonly lags?: Lags },
): Promise<{ readonly links: NodeLinks; readonly teller: HubbleTeller; readonly counts: RelayCounts }> {
  const [{ NodeLinks: Links }, { relayTeller }, { RelayCounts: Counts }] = await Promise.all([
    import('./relay/node-links.ts'),
    import('./relay/relay-teller.ts'),
    import('./relay/relay-counts.ts'),
  ]);
  const links = new Links(options);
  const counts = new Counts(options.lags);
  return { links, teller: relayTeller(links, { version: options.version, counts }), counts };
}

/** The flows of all nodes for programs of ours, and the nodes, which are to be started. */
export async function openClusterFlows(
  options: NodeLinksOptions & { readonly version: string; readonly identify: Identify | undefined },
): Promise<{ readonly links: NodeLinks; readonly flows: ClusterFlows }> {
  const [{ links, teller }, { ClusterFlows: Flows }] = await Promise.all([
    openRelayTeller(options),
    import('./cluster-flows.ts'),
  ]);
  return { links, flows: new Flows(teller, options.identify) };
}
export type { RelayCounts } from './relay/relay-counts.ts';
export { linkSecrets } from './relay/secret-files.ts';
