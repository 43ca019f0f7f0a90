import type { Addr } from '../net/index.ts';
import type { IdentityId } from './ids.ts';
import type { ObjectRow } from './object-row.ts';

/** A pod as its node tells others of it. */
export type NodeEndpoint = {
  readonly namespace: string;
  readonly name: string;
  /** Undefined: it has its node's addresses. */
  readonly own: { readonly identity: IdentityId; readonly addresses: readonly Addr[] } | undefined;
};

/** Some of the pods of a node; the node's agent alone writes it. Its name is the node's, a dot, and the number of the slice. */
export type NodeEndpointSlice = ObjectRow & {
  readonly node: string;
  readonly slice: number;
  /** Of the Node object that it belongs to; empty: of none. */
  readonly nodeUid: string;
  readonly resourceVersion: string;
  readonly endpoints: readonly NodeEndpoint[];
};

export const nodeEndpointSliceName = (node: string, slice: number): string => `${node}.${slice}`;
