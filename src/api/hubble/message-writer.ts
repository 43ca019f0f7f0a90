import {
  create,
  type DescField,
  type DescMessage,
  type MessageInitShape,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { isWrapperDesc, FeatureSet_FieldPresence as Presence } from '@bufbuild/protobuf/wkt';

const VARINT = 0;
const LENGTH = 2;
const FIRST_BYTES = 4_096;

/** Writes a value with its tag, or nothing when it is what a field is without one. */
type Put = (value: unknown) => void;
type Member = { readonly name: string; readonly put: Put };

const utf8 = new TextEncoder();

/**
 * Writes messages as protobuf straight from what `create` would take, without making them. The bytes are those of a message
 * that was made; kinds of fields that are not known here (maps, fractions, lists of numbers) are written by the library.
 */
export class MessageWriter<D extends DescMessage> {
  readonly #schema: D;
  readonly #known = new Map<DescMessage, Member[]>();
  #bytes = new Uint8Array(FIRST_BYTES);
  #at = 0;

  constructor(schema: D) {
    this.#schema = schema;
  }

  write(init: MessageInitShape<D>): Uint8Array {
    this.#at = 0;
    this.#message(this.#membersOf(this.#schema), init);
    return this.#bytes.slice(0, this.#at);
  }

  #membersOf(schema: DescMessage): Member[] {
    const known = this.#known.get(schema);
    if (known !== undefined) return known;
    const members: Member[] = [];
    this.#known.set(schema, members);
    for (const field of schema.fields)
      if (field.oneof === undefined) members.push({ name: field.localName, put: this.#putOf(schema, field) });
    for (const { localName: name, fields } of schema.oneofs) {
      const puts = new Map(fields.map((field) => [field.localName, this.#putOf(schema, field)]));
      const put: Put = (held) => {
        const { case: which = '', value } = held as { readonly case?: string; readonly value?: unknown };
        if (value !== undefined) puts.get(which)?.(value);
      };
      members.push({ name, put });
    }
    return members;
  }

  #putOf(schema: DescMessage, field: DescField): Put {
    const single = this.#singleOf(field);
    if (single === undefined || field.fieldKind === 'map') return this.#byLibrary(schema, field);
    if (field.fieldKind !== 'list') return single;
    if (field.message === undefined && field.scalar !== ScalarType.STRING) return this.#byLibrary(schema, field);
    return (values) => {
      for (const value of values as readonly unknown[]) single(value);
    };
  }

  /** Undefined: not known here. */
  #singleOf(field: DescField): Put | undefined {
    const { message, scalar, number, presence, fieldKind } = field;
    const isImplicit = presence === Presence.IMPLICIT && fieldKind !== 'list' && field.oneof === undefined;
    if (message !== undefined) return this.#messageOf(message, number);
    if (fieldKind === 'enum') return this.#numberOf(number, isImplicit);
    switch (scalar) {
      case ScalarType.BOOL:
      case ScalarType.INT32:
      case ScalarType.UINT32:
        return this.#numberOf(number, isImplicit);
      case ScalarType.INT64:
      case ScalarType.UINT64:
        return (value) => {
          const whole = value as bigint;
          if (isImplicit && whole === 0n) return;
          this.#varint(number * 8 + VARINT);
          this.#long(whole);
        };
      case ScalarType.STRING:
        return (value) => {
          if (isImplicit && value === '') return;
          this.#varint(number * 8 + LENGTH);
          this.#text(value as string);
        };
      case ScalarType.BYTES:
        return (value) => {
          const bytes = value as Uint8Array;
          if (isImplicit && bytes.length === 0) return;
          this.#varint(number * 8 + LENGTH);
          this.#varint(bytes.length);
          this.#raw(bytes);
        };
      default:
        return undefined;
    }
  }

  #numberOf(number: number, isImplicit: boolean): Put {
    return (value) => {
      const whole = Number(value);
      if (isImplicit && whole === 0) return;
      this.#varint(number * 8 + VARINT);
      if (whole < 0) this.#long(BigInt(whole));
      else this.#varint(whole);
    };
  }

  /** Undefined for what is written in JSON's terms. */
  #messageOf(message: DescMessage, number: number): Put | undefined {
    if (message.typeName === 'google.protobuf.Struct') return undefined;
    const isWrapper = isWrapperDesc(message);
    let members: Member[] | undefined;
    return (value) => {
      members ??= this.#membersOf(message);
      this.#varint(number * 8 + LENGTH);
      const from = this.#begin();
      const isBare = isWrapper && (typeof value !== 'object' || value instanceof Uint8Array);
      this.#message(members, isBare ? { value } : value);
      this.#end(from);
    };
  }

  #message(members: readonly Member[], init: unknown): void {
    const values = init as Readonly<Record<string, unknown>>;
    for (const { name, put } of members) {
      const value = values[name];
      if (value !== undefined) put(value);
    }
  }

  /** A message that has nothing but the field is its tag and its value. */
  #byLibrary(schema: DescMessage, { localName, oneof }: DescField): Put {
    return (value) => {
      const init = oneof === undefined ? { [localName]: value } : { [oneof.localName]: { case: localName, value } };
      this.#raw(toBinary(schema, create(schema, init as MessageInitShape<DescMessage>)));
    };
  }

  /** Room for the length of what follows, which is known at its end: most are short. */
  #begin(): number {
    this.#room(1);
    this.#at += 1;
    return this.#at;
  }

  #end(from: number): void {
    const length = this.#at - from;
    let more = 0;
    for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 128)) more += 1;
    if (more > 0) {
      this.#room(more);
      this.#bytes.copyWithin(from + more, from, this.#at);
    }
    this.#at = from - 1;
    this.#varint(length);
    this.#at += length;
  }

  /** Of at most 53 bits, and not below 0. */
  #varint(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }

  #long(value: bigint): void {
    if (value >= 0n && value <= Number.MAX_SAFE_INTEGER) return this.#varint(Number(value));
    this.#room(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#at++] = Number(rest);
  }

  #text(text: string): void {
    const { length } = text;
    this.#room(3 * length + 5);
    const from = this.#begin();
    const bytes = this.#bytes;
    let at = from;
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) {
        at = from + utf8.encodeInto(text, bytes.subarray(from)).written;
        break;
      }
      bytes[at++] = code;
    }
    this.#at = at;
    this.#end(from);
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + more));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}
