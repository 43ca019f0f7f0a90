import type { PeerSight } from '../../model/index.ts';

/** What of flows somebody may see, as of now. Decisions, not questions: nothing of it waits. */
export type Sight = {
  /** Everything, also flows of no pod and what is counted of the whole node. */
  readonly all: boolean;
  /** Flows of pods of the namespace. */
  readonly flows: (namespace: string) => boolean;
  /** Who a pod of the namespace is, where it is the other end of a flow that he may see. */
  readonly names: (namespace: string) => boolean;
  /** Of a pod of namespace `other` that he sees nothing of by himself, where the end that is his is in `own`: what the tenants of both say. */
  readonly peers: (own: string, other: string) => PeerSight;
};
