import { MAX_ENDPOINTS } from '../../model/gen/numbers.ts';
import {
  type EndpointId,
  endpointId,
  type IdentityId,
  identityId,
  type PolicyRevision,
  policyRevision,
} from '../../model/index.ts';
import { MAP_SPECS } from '../gen/layout.ts';
import type { MapFd } from '../kernel/index.ts';
import { Mapping } from '../kernel/index.ts';
import { filled } from './filled.ts';

export type EndpointWord = { readonly identity: IdentityId; readonly revision: PolicyRevision };

/** What the state words are for the code above the datapath; the fake keeps them in memory. */
export type EndpointWords = {
  /** One 64-bit store: every packet is judged by the old or the new pair, never by a mixture. */
  set(endpoint: EndpointId, word: EndpointWord): void;
  /** Undefined: not ready, every packet of it is dropped. */
  get(endpoint: EndpointId): EndpointWord | undefined;
  /** Closes the endpoint. */
  clear(endpoint: EndpointId): void;
  /** Every endpoint that is ready, and every word of what is outside (`OUTSIDE_WORDS`). */
  entries(): [EndpointId, EndpointWord][];
};

/** On any array of MAX_ENDPOINTS words; the kernel's when it is mapped. */
export class WordArray implements EndpointWords {
  readonly #words: BigUint64Array;

  constructor(words: BigUint64Array = new BigUint64Array(MAX_ENDPOINTS)) {
    this.#words = words;
  }

  set(endpoint: EndpointId, word: EndpointWord): void {
    Atomics.store(this.#words, endpoint, BigInt(word.identity) | (BigInt(word.revision) << 32n));
  }

  get(endpoint: EndpointId): EndpointWord | undefined {
    const word = Atomics.load(this.#words, endpoint);
    if (word === 0n) return undefined;
    return { identity: identityId(Number(word & 0xffff_ffffn)), revision: policyRevision(Number(word >> 32n)) };
  }

  clear(endpoint: EndpointId): void {
    Atomics.store(this.#words, endpoint, 0n);
  }

  entries(): [EndpointId, EndpointWord][] {
    const ready: [EndpointId, EndpointWord][] = [];
    for (const id of filled(this.#words)) {
      const word = this.get(endpointId(id));
      if (word !== undefined) ready.push([endpointId(id), word]);
    }
    return ready;
  }
}

export class KernelEndpointWords extends WordArray implements Disposable {
  readonly #mapping: Mapping;

  private constructor(mapping: Mapping) {
    super(new BigUint64Array(mapping.buffer, 0, MAX_ENDPOINTS));
    this.#mapping = mapping;
  }

  /** `map` stays the caller's and may be closed; the memory stays mapped until `close`. */
  static of(map: MapFd): KernelEndpointWords {
    const length = MAP_SPECS.endpoint_words.maxEntries * MAP_SPECS.endpoint_words.valueSize;
    return new KernelEndpointWords(Mapping.of(map.number, { length, writable: true }));
  }

  /** Idempotent. Using the words afterwards throws a TypeError. */
  close(): void {
    this.#mapping.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
