import type { ChosenSource, FlowChoice } from '../chosen-flows.ts';
import type { CollectorOptions, LogsSender } from './collector.ts';
import { answering } from './collector-error.ts';
import { type FlowLogs, flowLogs } from './flow-logs.ts';
import { grpcCollector } from './grpc-collector.ts';
import { httpCollector } from './http-collector.ts';

export type { CollectorOptions } from './collector.ts';
export type { FlowLogs } from './flow-logs.ts';

/** What became of LogRecords that were sent: so many were not taken, or none was. */
export type CollectorAnswer =
  | { readonly rejected: number; readonly message: string }
  /** `again`: the same may be taken later, at the earliest after so many ms. */
  | { readonly failed: string; readonly again: boolean; readonly afterMs: number };

/** Where LogRecords go. */
export type Collector = {
  readonly send: (records: readonly Uint8Array[], signal: AbortSignal) => Promise<CollectorAnswer>;
  readonly close: () => void;
};

/** Flows as LogRecords, and where they go. Throws for filters and paths of fields that cannot be read. */
export function flowCollector(
  source: ChosenSource,
  { choice, collector }: { readonly choice: FlowChoice; readonly collector: CollectorOptions },
): { readonly logs: (signal: AbortSignal) => AsyncIterable<FlowLogs>; readonly collector: Collector } {
  const sender: LogsSender = collector.protocol === 'grpc' ? grpcCollector(collector) : httpCollector(collector);
  return {
    logs: flowLogs(source, choice),
    collector: {
      send: async (records, signal) => await answering(async () => await sender.send(records, signal)),
      close: () => sender.close(),
    },
  };
}
