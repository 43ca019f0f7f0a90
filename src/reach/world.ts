import type { Direction, IdentityId } from '../model/index.ts';
import type { Addr } from '../net/index.ts';
import type { Borders, Point } from './cells.ts';

/** Whose a pod is, as far as the floor asks. `group`: equal for those who are together, and worth nothing else. */
export type Owner = {
  readonly group: string;
  readonly isClosed: boolean;
  /** Nothing to or from what is outside of the cluster, but for what it lists. */
  readonly noWorld: boolean;
  readonly lists: (addr: Addr) => boolean;
  /** Nothing to or from where clouds give out a machine's credentials, whoever has the address. */
  readonly noMetadata: boolean;
  readonly noToNodes: boolean;
  readonly noFromNodes: boolean;
};

/**
 * Somebody at one end of a connection: all addresses that have this identity, and this second one by prefix, and between
 * which no tenant makes a difference.
 */
export type Peer = {
  readonly identity: IdentityId;
  /** 0: no prefix of a policy covers it, or none may. */
  readonly cidr: IdentityId;
  /** One of them; undefined: none is known. */
  readonly addr: Addr | undefined;
};

/** What policy says at one end of everybody of one sort. */
export type PolicySide = {
  /** Between two of them all packets are judged alike. */
  readonly borders: Borders;
  allows(point: Point): boolean;
  /** Who decides that: the rule, or the rows. */
  why(point: Point): readonly string[];
};

export type SharedPort = Point & { readonly text: string };

/** One account of who may reach whom: what is meant, or what is in the kernel. */
export type World = {
  /** Of a pod's identity; undefined: nobody has said. */
  owner(identity: IdentityId): Owner | undefined;
  /** Where both tenants let the one open to the other. */
  shared(opener: IdentityId, responder: IdentityId): readonly SharedPort[];
  /** Undefined: this account says nothing of the subject's policies; the node that has it does. Equal for equal peers. */
  side(subject: IdentityId, direction: Direction, peer: Peer): PolicySide | undefined;
};
