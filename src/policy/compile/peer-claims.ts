import type { IdentityId } from '../../model/index.ts';
import type { Claim } from './flatten.ts';

/** Peers about whom the same claims are made, in the same order; a node of the tree of all such lists. */
export type ClaimList = {
  readonly parent: ClaimList | undefined;
  readonly claim: Claim | undefined;
  readonly next: Map<Claim, ClaimList>;
  /** Number of the group with its rows, once that is known. */
  group: number | undefined;
};

/** Which claims are made about each peer, so that peers with the same claims share the work and the rows. */
export class PeerClaims {
  readonly #root: ClaimList = { parent: undefined, claim: undefined, next: new Map(), group: undefined };
  readonly #at = new Map<IdentityId, ClaimList>();

  get root(): ClaimList {
    return this.#root;
  }

  /** The list after one more claim; the same list when the last claim is made again. */
  step(list: ClaimList, claim: Claim): ClaimList {
    if (list.claim === claim) return list;
    const known = list.next.get(claim);
    if (known !== undefined) return known;
    const next: ClaimList = { parent: list, claim, next: new Map(), group: undefined };
    list.next.set(claim, next);
    return next;
  }

  add(peer: IdentityId, claim: Claim): void {
    this.#at.set(peer, this.step(this.#at.get(peer) ?? this.#root, claim));
  }

  entries(): MapIterator<[IdentityId, ClaimList]> {
    return this.#at.entries();
  }

  /** Gives every list its group's new number; those of groups that have none are found out anew. */
  regroup(numbers: ReadonlyMap<number, number>): void {
    const lists = [this.#root];
    for (let list = lists.pop(); list !== undefined; list = lists.pop()) {
      if (list.group !== undefined) list.group = numbers.get(list.group);
      lists.push(...list.next.values());
    }
  }

  /** Once every peer has its group. */
  forgetPeers(): void {
    this.#at.clear();
  }
}

export function claimsOf(list: ClaimList): Claim[] {
  const claims: Claim[] = [];
  for (let at: ClaimList | undefined = list; at?.claim !== undefined; at = at.parent) claims.push(at.claim);
  return claims;
}
