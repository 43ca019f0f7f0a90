import {
  create,
  createRegistry,
  fromJson,
  type JsonValue,
  type MessageInitShape,
  toJsonString,
} from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { FlowMessage } from '../../model/index.ts';
import { flowMask } from './field-mask.ts';
import { compileFilters } from './filter/flow-filter.ts';
import { flowMessage, nodeName, timestamp } from './flow-message.ts';
import { type Flow, FlowFilterSchema } from './gen/flow/flow_pb.js';
import { GetFlowsResponseSchema } from './gen/observer/observer_pb.js';
import { Losses } from './lost.ts';
import type { HubbleSource } from './source.ts';

/** A group of lines. `flows` of them are flows, the others say what is missing there. */
export type FlowLines = {
  readonly lines: readonly string[];
  readonly flows: number;
  /** Flows that were wanted and are not there, because whoever reads was slow. */
  readonly lost: number;
};

/** Filters and paths of fields as Hubble writes them in JSON. */
export type FlowLinesOptions = {
  readonly allow: readonly unknown[];
  readonly deny: readonly unknown[];
  /** `source.pod_name`; none: all fields. */
  readonly fieldMask: readonly string[];
};

const registry = createRegistry(StringValueSchema);

/** Flows as `hubble observe -o jsonpb` prints them, as they come. Throws for filters and paths that cannot be read. */
export function flowLines(
  {
    hub,
    cluster,
    node,
  }: Pick<HubbleSource, 'cluster' | 'node'> & { readonly hub: Pick<HubbleSource['hub'], 'observe'> },
  { allow, deny, fieldMask }: FlowLinesOptions,
): (signal: AbortSignal) => AsyncGenerator<FlowLines> {
  const { matches, about } = compileFilters(allow.map(readFilter), deny.map(readFilter), cluster);
  const mask = flowMask(fieldMask);
  const query = { follow: true, ...(matches && { matches }), ...(about && { about }) };
  const named = nodeName(cluster, node);
  const line = (told: MessageInitShape<typeof GetFlowsResponseSchema>): string =>
    toJsonString(GetFlowsResponseSchema, create(GetFlowsResponseSchema, { ...told, nodeName: named }), {
      registry,
      useProtoFieldName: true,
    });
  return async function* lines(signal) {
    for await (const group of hub.observe(query, signal)) {
      const flows = group.flatMap((message) => (message.kind === 'flow' ? [message.flow] : []));
      const slow = group.flatMap((message) => (message.kind === 'lost' && message.place === 'reader' ? [message] : []));
      yield {
        lines: group.flatMap((message) => responseOf(message, cluster, mask) ?? []).map(line),
        flows: flows.length,
        lost: slow.reduce((sum, { count }) => sum + count, 0),
      };
    }
  };
}

function responseOf(message: FlowMessage, cluster: string, mask: (flow: Flow) => Flow) {
  if (message.kind === 'flow') {
    const { flow } = message;
    const value = mask(flowMessage(flow, cluster));
    return { time: timestamp(flow.time), responseTypes: { case: 'flow', value } } as const;
  }
  const now = Date.now();
  const losses = new Losses();
  losses.add(message.place, message.count, now);
  const [value] = losses.take(now);
  return value && ({ time: timestamp(now), responseTypes: { case: 'lostEvents', value } } as const);
}

function readFilter(filter: unknown) {
  return fromJson(FlowFilterSchema, filter as JsonValue);
}
