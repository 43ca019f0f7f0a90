import type { IdentityId } from '../model/index.ts';
import type { Addr, Prefix } from '../net/index.ts';

/** A row of the ipcache: whom the addresses belong to that no longer prefix covers. */
export type IpcacheRow = {
  readonly prefix: Prefix;
  readonly value: {
    readonly identity: IdentityId;
    /** A pod's or node's second identity, by prefix; 0: none. Policy is looked up for both. */
    readonly cidrIdentity: IdentityId;
    /** The node that the overlay finds the owner at: of a pod, of what a node gives to its pods, of the node itself; null: none. */
    readonly tunnel: Addr | null;
  };
};
