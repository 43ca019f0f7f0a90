import { decodeEvent, EVENT_OFFSETS, EVENT_SIZE } from '../gen/codecs.ts';
import { readAddr } from '../kernel/index.ts';

/** How a record of the ring is read, whole or a field at a time. */
export const EVENT_RECORD = {
  size: EVENT_SIZE,
  offsets: EVENT_OFFSETS,
  decode: decodeEvent,
  /** The text of an address. */
  addr: readAddr,
} as const;
