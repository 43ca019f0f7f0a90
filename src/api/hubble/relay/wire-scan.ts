import { isUtf8 } from 'node:buffer';
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';

/** Wire types of protobuf. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** Deeper than any message that is known here. */
const MAX_DEPTH = 16;

type FieldShape = {
  readonly wire: number;
  readonly isText: boolean;
  /** Of which it is a message. */
  readonly message: WireShape | undefined;
  /** Where it stands is told. */
  readonly isMarked: boolean;
};

/** What a schema says of bytes: fields by number. What a map or a list of numbers is on the wire is not in it. */
export type WireShape = ReadonlyMap<number, FieldShape | 'odd'>;

/** `mark`: name of a field of its own, a string, of which the scan tells where it stands. */
export function wireShape(schema: DescMessage, mark?: string): WireShape {
  return shapeOf(schema, mark, new Map());
}

function shapeOf(schema: DescMessage, mark: string | undefined, known: Map<DescMessage, WireShape>): WireShape {
  const shape = new Map<number, FieldShape | 'odd'>();
  if (mark === undefined) known.set(schema, shape);
  for (const field of schema.fields) {
    const { message } = field;
    const isOdd = field.fieldKind === 'map' || (field.fieldKind === 'list' && wireOf(field) !== LENGTH);
    shape.set(
      field.number,
      isOdd
        ? 'odd'
        : {
            wire: wireOf(field),
            isText: field.scalar === ScalarType.STRING,
            message: message && (known.get(message) ?? shapeOf(message, undefined, known)),
            isMarked: field.name === mark,
          },
    );
  }
  return shape;
}

const WIRES: Readonly<Partial<Record<ScalarType, number>>> = {
  [ScalarType.DOUBLE]: FIXED64,
  [ScalarType.FIXED64]: FIXED64,
  [ScalarType.SFIXED64]: FIXED64,
  [ScalarType.FLOAT]: FIXED32,
  [ScalarType.FIXED32]: FIXED32,
  [ScalarType.SFIXED32]: FIXED32,
  [ScalarType.STRING]: LENGTH,
  [ScalarType.BYTES]: LENGTH,
};

function wireOf({ message, scalar }: DescField): number {
  if (message !== undefined) return LENGTH;
  return scalar === undefined ? VARINT : (WIRES[scalar] ?? VARINT);
}

/**
 * Goes over a message without making anything of it. What it takes is what every reader of protobuf takes, and takes for the
 * same; what is odd in any way (of another type than its schema says, text that is none, numbers that are too long, an end that
 * is not there, groups) is left to who reads it whole.
 */
export class WireScan {
  readonly bytes: Uint8Array;
  at = 0;
  /** Of the field that is marked: how often it is there, and where the last stands. */
  marked = { times: 0, from: 0, to: 0 };

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Below 2^53; undefined: what is here is odd. */
  varint(end: number): number | undefined {
    const { bytes } = this;
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 7; index += 1) {
      const byte = bytes[this.at];
      if (byte === undefined || this.at >= end) return undefined;
      this.at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    return undefined;
  }

  /** Steps over the length of what follows, which is left; undefined: it goes over the end. */
  lengthTo(end: number): number | undefined {
    const length = this.varint(end);
    return length === undefined || length > end - this.at ? undefined : this.at + length;
  }

  /** From here to the end; false: something is odd. */
  message(shape: WireShape, end: number, depth = 0): boolean {
    if (depth > MAX_DEPTH) return false;
    while (this.at < end) {
      const tag = this.varint(end);
      if (tag === undefined || tag < 8 || tag > 0xffff_ffff) return false;
      const wire = tag % 8;
      const field = shape.get((tag - wire) / 8);
      if (field === 'odd' || (field !== undefined && field.wire !== wire)) return false;
      if (wire === LENGTH ? !this.#span(field, end, depth) : !this.#number(wire, end)) return false;
    }
    return this.at === end;
  }

  #span(field: FieldShape | undefined, end: number, depth: number): boolean {
    const to = this.lengthTo(end);
    if (to === undefined) return false;
    if (field?.message !== undefined) return this.message(field.message, to, depth + 1);
    if (field?.isText === true && !this.#isText(to)) return false;
    if (field?.isMarked === true) this.marked = { times: this.marked.times + 1, from: this.at, to };
    this.at = to;
    return true;
  }

  #number(wire: number, end: number): boolean {
    if (wire === VARINT) return this.#passVarint(end);
    if (wire !== FIXED64 && wire !== FIXED32) return false;
    this.at += wire === FIXED64 ? 8 : 4;
    return this.at <= end;
  }

  /** Numbers below 0 take ten bytes, of which the last is 1. */
  #passVarint(end: number): boolean {
    const { bytes } = this;
    for (let index = 0; index < 10; index += 1) {
      const byte = bytes[this.at];
      if (byte === undefined || this.at >= end) return false;
      this.at += 1;
      if (byte < 0x80) return index < 9 || byte <= 1;
    }
    return false;
  }

  #isText(to: number): boolean {
    const { bytes, at } = this;
    for (let index = at; index < to; index += 1)
      if ((bytes[index] ?? 0) >= 0x80) return isUtf8(bytes.subarray(index, to));
    return true;
  }
}
