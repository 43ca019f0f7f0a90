import { type IdentityId, identityId } from '../model/index.ts';
import { type Addr, Prefix } from '../net/index.ts';
import type { CidrIdentities } from './cidr-identities.ts';
import { RESERVED_IDS } from './reserved.ts';

/** Who owns an address: what the ipcache says for the longest prefix around it. */
export type IpcacheEntry = {
  readonly prefix: Prefix;
  readonly identity: IdentityId;
  /** A pod's or node's second identity, by CIDR; 0 = none. Policy is looked up for both. */
  readonly cidrIdentity: IdentityId;
};

export type IpcacheSource = {
  readonly pods: Iterable<{ readonly addr: Addr; readonly identity: IdentityId }>;
  readonly nodes: Iterable<{ readonly addr: Addr; readonly name: string; readonly apiserver: boolean }>;
  /** The node that the ipcache is for. */
  readonly localNode: string;
  readonly cidrs: CidrIdentities;
  readonly cidrSelects: readonly ('pods' | 'nodes')[];
};

const NO_IDENTITY = identityId(0);
const EVERYWHERE = [Prefix.parse('0.0.0.0/0'), Prefix.parse('::/0')];

/** Own node `host`, others `kube-apiserver` when they serve the API, else `remote-node`. */
export function nodeIdentity(node: { name: string; apiserver: boolean }, localNode: string): IdentityId {
  if (node.name === localNode) return RESERVED_IDS.host;
  return node.apiserver ? RESERVED_IDS['kube-apiserver'] : RESERVED_IDS['remote-node'];
}

/**
 * The whole ipcache of one node. Both default routes are always there, so that in a table of 128-bit addresses ::/0
 * never speaks for IPv4.
 */
export function ipcacheEntries({ pods, nodes, localNode, cidrs, cidrSelects }: IpcacheSource): IpcacheEntry[] {
  const entries = new Map<string, IpcacheEntry>();
  const put = (entry: IpcacheEntry) => entries.set(entry.prefix.toString(), entry);
  const cidrOf = (addr: Addr, kind: 'pods' | 'nodes') =>
    (cidrSelects.includes(kind) ? cidrs.of(addr)?.id : undefined) ?? NO_IDENTITY;

  for (const prefix of EVERYWHERE) put({ prefix, identity: RESERVED_IDS.world, cidrIdentity: NO_IDENTITY });
  for (const { prefix, id } of cidrs.identities()) put({ prefix, identity: id, cidrIdentity: NO_IDENTITY });
  for (const node of nodes) {
    const identity = nodeIdentity(node, localNode);
    put({ prefix: Prefix.host(node.addr), identity, cidrIdentity: cidrOf(node.addr, 'nodes') });
  }
  for (const { addr, identity } of pods) {
    put({ prefix: Prefix.host(addr), identity, cidrIdentity: cidrOf(addr, 'pods') });
  }
  return [...entries.values()];
}
