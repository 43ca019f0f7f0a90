import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { milliseconds } from '../flow-message.ts';
import { FlowSchema, type LostEvent } from '../gen/flow/flow_pb.js';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../gen/observer/observer_pb.js';
import { WireScan, wireShape } from './wire-scan.ts';

/** What goes to a reader, as it is sent. `time`: ms since the epoch. */
export type Told = { readonly time: number; readonly bytes: Uint8Array } & (
  | { readonly kind: 'flow' | 'news' }
  | { readonly kind: 'lost'; readonly lost: LostEvent }
);

/** A node sent what is another's. */
export class Lie extends Error {}

const FLOW = wireShape(FlowSchema, 'node_name');
/** Tags of GetFlowsResponse: number and wire type. */
const FLOW_TAG = (1 << 3) | 2;
const NODE_NAME_TAG = (1000 << 3) | 2;
const TIME_TAG = (1001 << 3) | 2;
/** Of a Timestamp. */
const SECONDS_TAG = 1 << 3;
const NANOS_TAG = 2 << 3;

/** What a node says that speaks for itself and for no other, as it came; undefined: it is nothing for readers. */
export class NodeWords {
  readonly #name: string;
  readonly #nameBytes: Uint8Array;

  /** `cluster/node` */
  constructor(name: string) {
    this.#name = name;
    this.#nameBytes = new TextEncoder().encode(name);
  }

  /** Throws a Lie, or as what cannot be read does. */
  read(bytes: Uint8Array): Told | undefined {
    return this.#plain(bytes) ?? this.#whole(bytes);
  }

  /** A flow as nodes of ours send it is gone over, and not read: it goes on as it is. All else is read whole. */
  #plain(bytes: Uint8Array): Told | undefined {
    const scan = new WireScan(bytes);
    const { length: end } = bytes;
    let [flows, names] = [0, 0];
    let time: number | undefined;
    while (scan.at < end) {
      const tag = scan.varint(end);
      const to = tag === FLOW_TAG || tag === NODE_NAME_TAG || tag === TIME_TAG ? scan.lengthTo(end) : undefined;
      if (to === undefined) return undefined;
      if (tag === FLOW_TAG) {
        flows += 1;
        if (!scan.message(FLOW, to, 1)) return undefined;
      } else if (tag === NODE_NAME_TAG) {
        names += 1;
        if (!this.#isName(bytes, scan.at, to)) return undefined;
        scan.at = to;
      } else {
        if (time !== undefined) return undefined;
        time = timeIn(scan, to);
        if (time === undefined) return undefined;
      }
    }
    const { times, from, to } = scan.marked;
    if (flows !== 1 || names !== 1 || times !== 1 || time === undefined) return undefined;
    return this.#isName(bytes, from, to) ? { kind: 'flow', time, bytes } : undefined;
  }

  #whole(bytes: Uint8Array): Told | undefined {
    const response = fromBinary(GetFlowsResponseSchema, bytes);
    const { responseTypes } = response;
    if (responseTypes.case !== 'flow' && responseTypes.case !== 'lostEvents') return undefined;
    if (responseTypes.case === 'flow' && responseTypes.value.nodeName !== this.#name)
      throw new Lie(`it sends flows of ${JSON.stringify(responseTypes.value.nodeName)}`);
    response.nodeName = this.#name;
    return told(response);
  }

  #isName(bytes: Uint8Array, from: number, to: number): boolean {
    const name = this.#nameBytes;
    if (to - from !== name.length) return false;
    return name.every((byte, index) => bytes[from + index] === byte);
  }
}

/** As it is sent. */
export function told(response: GetFlowsResponse): Told {
  const { time, responseTypes } = response;
  const common = {
    time: time === undefined ? 0 : milliseconds(time),
    bytes: toBinary(GetFlowsResponseSchema, response),
  };
  if (responseTypes.case === 'lostEvents') return { ...common, kind: 'lost', lost: responseTypes.value };
  return { ...common, kind: responseTypes.case === 'flow' ? 'flow' : 'news' };
}

/** Seconds and nanoseconds, each once; undefined: odd. */
function timeIn(scan: WireScan, to: number): number | undefined {
  let [seconds, nanos] = [0, 0];
  let last = 0;
  while (scan.at < to) {
    const tag = scan.varint(to);
    const value = tag === SECONDS_TAG || tag === NANOS_TAG ? scan.varint(to) : undefined;
    if (tag === undefined || value === undefined || tag <= last) return undefined;
    last = tag;
    if (tag === SECONDS_TAG) seconds = value;
    else nanos = value;
  }
  return nanos < 1e9 ? seconds * 1_000 + nanos / 1e6 : undefined;
}
