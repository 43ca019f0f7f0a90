import type { RecordLayout } from './record.ts';

const WORDS = 8;
const BITS = 5 + 3;
/** 2^32 / golden ratio. */
const FACTOR = 0x9e37_79b1;
/** Endpoints and identities have small numbers alike. */
const ENDPOINT = 0x4000_0000;

const bitOf = (number: number): number => Math.imul(number, FACTOR) >>> (32 - BITS);

/** Some of the pods that a node knows: a filter's answer to "whom can it be about?", before any name is read. */
export class Somebody {
  readonly endpoints: ReadonlySet<number>;
  readonly identities: ReadonlySet<number>;
  readonly #mask = new Uint32Array(WORDS);

  constructor(endpoints: Iterable<number>, identities: Iterable<number>) {
    this.endpoints = new Set(endpoints);
    this.identities = new Set(identities);
    for (const id of this.endpoints) mark(this.#mask, bitOf(id | ENDPOINT));
    for (const id of this.identities) mark(this.#mask, bitOf(id));
  }

  static either(all: readonly Somebody[]): Somebody {
    return new Somebody(
      all.flatMap(({ endpoints }) => [...endpoints]),
      all.flatMap(({ identities }) => [...identities]),
    );
  }

  /** Whether one of them may be an end of what is in a block with this mask. */
  mayBeIn(mask: Uint32Array): boolean {
    for (let word = 0; word < WORDS; word += 1) if (((this.#mask[word] ?? 0) & (mask[word] ?? 0)) !== 0) return true;
    return false;
  }

  /** Whether one of them is an end of the record. */
  isIn({ offsets }: RecordLayout, view: DataView, at: number): boolean {
    return (
      this.endpoints.has(view.getUint16(at + offsets.sourceEndpoint, true)) ||
      this.endpoints.has(view.getUint16(at + offsets.destinationEndpoint, true)) ||
      this.identities.has(view.getUint32(at + offsets.sourceIdentity, true)) ||
      this.identities.has(view.getUint32(at + offsets.destinationIdentity, true))
    );
  }
}

export function emptyMask(): Uint32Array {
  return new Uint32Array(WORDS);
}

/** Remembers the record's ends in the mask of its block. */
export function markEnds(mask: Uint32Array, { offsets }: RecordLayout, view: DataView, at: number): void {
  mark(mask, bitOf(view.getUint16(at + offsets.sourceEndpoint, true) | ENDPOINT));
  mark(mask, bitOf(view.getUint16(at + offsets.destinationEndpoint, true) | ENDPOINT));
  mark(mask, bitOf(view.getUint32(at + offsets.sourceIdentity, true)));
  mark(mask, bitOf(view.getUint32(at + offsets.destinationIdentity, true)));
}

function mark(mask: Uint32Array, bit: number): void {
  mask[bit >> 5] = (mask[bit >> 5] ?? 0) | (1 << (bit & 31));
}
