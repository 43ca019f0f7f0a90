import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { LineSplitter, type SplitLine } from '../base/index.ts';
import { kubeErrors } from './errors.ts';
import { failureOf } from './response.ts';
import { transportError } from './transport.ts';

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: unknown }
  /** `isWhole`: everything that there was when a streamed list began has been told. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly isWhole?: true }
  /** An event that could not be read: the watch goes on, the reader should list again when it matters. */
  | { readonly type: 'UNREADABLE'; readonly problem: string };

/** etcd refuses objects above 1.5 MiB and the API server those above 3 MiB: this is far beyond any honest event. */
const MAX_EVENT_BYTES = 16 * 1024 * 1024;

const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const bookmarkSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), annotations: z.record(z.string(), z.unknown()).nullish() }),
});
/** Source: KEP-3157. */
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** Reads a watch's body. Each group is what one piece of the network brought. */
export async function* watchEvents(response: IncomingMessage, what: string): AsyncGenerator<readonly WatchEvent[]> {
  const splitter = new LineSplitter({ maxBytes: MAX_EVENT_BYTES });
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      const events = splitter.push(chunk).flatMap((line) => parseEvent(line, what));
      if (events.length > 0) yield events;
    }
  } catch (cause) {
    throw transportError(cause, what);
  } finally {
    response.destroy();
  }
  // A rest without a newline is an event that was cut off; it comes again with the next watch.
}

function parseEvent(line: SplitLine, what: string): WatchEvent[] {
  if (line.kind === 'too-long') return [{ type: 'UNREADABLE', problem: `an event of ${line.bytes} bytes` }];
  let json: unknown;
  try {
    json = JSON.parse(line.text);
  } catch {
    throw kubeErrors.make('E_KUBE_RESPONSE', { detail: `${what}: an event is not JSON` });
  }
  const parsed = eventSchema.safeParse(json);
  if (!parsed.success) return [{ type: 'UNREADABLE', problem: 'an event without type and object' }];
  const { type, object } = parsed.data;
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return [{ type, object }];
    case 'BOOKMARK': {
      const bookmark = bookmarkSchema.safeParse(object);
      if (!bookmark.success) return [];
      const { resourceVersion, annotations } = bookmark.data.metadata;
      return [{ type, resourceVersion, ...(annotations?.[INITIAL_EVENTS_END] === 'true' && { isWhole: true }) }];
    }
    case 'ERROR':
      throw failureOf(object, { httpStatus: 500, what });
    default:
      return [];
  }
}
