import type { Identity, Workload } from '../../model/index.ts';
import type { Addr } from '../../net/index.ts';

/** The other end of a packet, as a person would describe it. Without an address no CIDR selects it. */
export type Party =
  | { readonly kind: 'pod'; readonly workload: Workload; readonly addr?: Addr | undefined }
  /** `role` is as seen from the subject: its own node is `host`. */
  | {
      readonly kind: 'node';
      readonly role: 'host' | 'remote-node' | 'kube-apiserver';
      readonly addr?: Addr | undefined;
    }
  | { readonly kind: 'world'; readonly addr?: Addr | undefined; readonly isApiServer?: boolean };

/** The party behind an identity; a prefix is represented by its first address. */
export function partyOf(identity: Identity, addr?: Addr): Party {
  switch (identity.kind) {
    case 'pod':
      return { kind: 'pod', workload: identity.workload, addr };
    case 'cidr':
      return { kind: 'world', addr: addr ?? identity.prefix.network, isApiServer: identity.isApiServer };
    case 'reserved':
      return identity.name === 'host' || identity.name === 'remote-node' || identity.name === 'kube-apiserver'
        ? { kind: 'node', role: identity.name, addr }
        : { kind: 'world', addr };
  }
}
