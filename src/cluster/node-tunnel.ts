import type { NodeRow } from '../model/index.ts';
import { type Addr, addrFamily, isAddr, parseAddr } from '../net/index.ts';

/** The address that all know a node by in the overlay: the first IPv4 address of its object, an InternalIP if it has one. */
export function tunnelOf({ addresses }: Pick<NodeRow, 'addresses'>): Addr | null {
  return (
    addresses
      .filter(isAddr)
      .map(parseAddr)
      .find((addr) => addrFamily(addr) === 4) ?? null
  );
}
