import type { FlowMessage } from '../../../model/index.ts';
import { type ChosenSource, chosenFlows, counted, type FlowChoice, type FlowCounts } from '../chosen-flows.ts';
import { flowMessage } from '../flow-message.ts';
import { orAfter } from '../or-after.ts';
import { flowLog, lossLog } from './log-record.ts';

/** LogRecords of flows, encoded, and of what is missing between them. */
export type FlowLogs = FlowCounts & { readonly records: readonly Uint8Array[] };

/** What is sent at once. Servers refuse what is longer than 4 MiB, as a rule. */
const MOST_RECORDS = 2_048;
const MOST_BYTES = 1024 * 1024;
/** From one request to the next, unless there is enough for one: a single flow goes at once. */
const PAUSE_MS = 1_000;

/** Flows as they come, in groups that are worth a request. Throws for filters and paths of fields that cannot be read. */
export function flowLogs(
  { hub, cluster }: ChosenSource,
  choice: FlowChoice,
): (signal: AbortSignal) => AsyncGenerator<FlowLogs> {
  const { query, mask } = chosenFlows(choice, cluster);
  const record = (message: FlowMessage): Uint8Array =>
    message.kind === 'flow'
      ? flowLog(message.flow, mask(flowMessage(message.flow, cluster)))
      : lossLog(message.place, message.count);
  return async function* logs(signal) {
    const ended = new AbortController();
    const messages = hub.observe(query, AbortSignal.any([signal, ended.signal]));
    try {
      yield* grouped(messages, record);
    } finally {
      // Who waits for a flow hears of the end by the signal.
      ended.abort();
      await messages.return(undefined);
    }
  };
}

async function* grouped(
  messages: AsyncGenerator<readonly FlowMessage[]>,
  recordOf: (message: FlowMessage) => Uint8Array,
): AsyncGenerator<FlowLogs> {
  const ask = () => {
    const asked = messages.next();
    // It may fail while a group is being sent: that is heard of when it is waited for.
    asked.catch(() => undefined);
    return asked;
  };
  let group = new Group();
  let sentAt = Number.NEGATIVE_INFINITY;
  const send = (): Group => {
    const full = group;
    group = new Group();
    sentAt = performance.now();
    return full;
  };
  let next = ask();
  for (;;) {
    const due = Math.max(0, sentAt + PAUSE_MS - performance.now());
    const told = group.records.length === 0 ? await next : await orAfter(next, due);
    if (told === 'late') {
      yield send();
      continue;
    }
    if (told.done) break;
    for (const message of told.value) {
      const record = recordOf(message);
      if (!group.hasRoomFor(record)) yield send();
      group.add(record, counted([message]));
    }
    next = ask();
  }
  if (group.records.length > 0) yield group;
}

class Group implements FlowLogs {
  readonly records: Uint8Array[] = [];
  flows = 0;
  lost = 0;
  #bytes = 0;

  hasRoomFor({ length }: Uint8Array): boolean {
    return this.records.length === 0 || (this.records.length < MOST_RECORDS && this.#bytes + length <= MOST_BYTES);
  }

  add(record: Uint8Array, { flows, lost }: FlowCounts): void {
    this.records.push(record);
    this.#bytes += record.length;
    this.flows += flows;
    this.lost += lost;
  }
}
