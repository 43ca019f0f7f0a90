import { FIRST_OUTSIDE, MAX_ENDPOINTS, OUTSIDE_BITS, OUTSIDE_FACTOR } from '../../model/gen/numbers.ts';
import { type EndpointId, endpointId } from '../../model/index.ts';
import { type Addr, addrValue } from '../../net/index.ts';

const U64 = 0xffff_ffff_ffff_ffffn;
const MAPPED = 0xffff_0000_0000n;

/** The word of an address that is no pod's of this node: `outside_of` in bpf/lib/words.h, with the same hash. */
export function outsideOf(addr: Addr): EndpointId {
  const value = addr.includes(':') ? addrValue(addr) : MAPPED | addrValue(addr);
  const both = ((value >> 64n) ^ value) & U64;
  return endpointId(FIRST_OUTSIDE + Number(((both * OUTSIDE_FACTOR) & U64) >> BigInt(64 - OUTSIDE_BITS)));
}

/** Words of what is outside, all of them. */
export const OUTSIDE_WORDS: readonly EndpointId[] = Array.from({ length: MAX_ENDPOINTS - FIRST_OUTSIDE }, (_, index) =>
  endpointId(FIRST_OUTSIDE + index),
);

/** No pod of this node. */
export const isOutside = (id: EndpointId): boolean => id === 0 || id >= FIRST_OUTSIDE;
