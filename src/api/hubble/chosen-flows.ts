import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import type { FlowMessage } from '../../model/index.ts';
import type { FlowQuery } from '../../observe/index.ts';
import { flowMask } from './field-mask.ts';
import { compileFilters } from './filter/flow-filter.ts';
import { type Flow, FlowFilterSchema } from './gen/flow/flow_pb.js';
import type { HubbleSource } from './source.ts';

/** Filters and paths of fields as Hubble writes them in JSON. */
export type FlowChoice = {
  readonly allow: readonly unknown[];
  readonly deny: readonly unknown[];
  /** `source.pod_name`; none: all fields. */
  readonly fieldMask: readonly string[];
};

/** Whose flows they are. */
export type ChosenSource = Pick<HubbleSource, 'cluster' | 'node'> & {
  readonly hub: Pick<HubbleSource['hub'], 'observe'>;
};

export type FlowCounts = {
  readonly flows: number;
  /** Flows that were wanted and are not there, because whoever reads was slow. */
  readonly lost: number;
};

/** What comes from now on, and what of it is told. Throws for filters and paths that cannot be read. */
export function chosenFlows(
  { allow, deny, fieldMask }: FlowChoice,
  cluster: string,
): { readonly query: FlowQuery; readonly mask: (flow: Flow) => Flow } {
  const { matches, about } = compileFilters(allow.map(readFilter), deny.map(readFilter), cluster);
  return {
    query: { follow: true, ...(matches && { matches }), ...(about && { about }) },
    mask: flowMask(fieldMask),
  };
}

export function counted(group: readonly FlowMessage[]): FlowCounts {
  let [flows, lost] = [0, 0];
  for (const message of group) {
    if (message.kind === 'flow') flows += 1;
    else if (message.place === 'reader') lost += message.count;
  }
  return { flows, lost };
}

function readFilter(filter: unknown) {
  return fromJson(FlowFilterSchema, filter as JsonValue);
}
