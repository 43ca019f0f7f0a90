import type { NamespacedName, Steps } from '../../base/index.ts';
import type { AddressBook } from '../../cluster/index.ts';
import type { IpcacheValue } from '../../datapath/index.ts';
import { RESERVED_IDS } from '../../identity/index.ts';
import { type EndpointId, IDENTITY_CLUSTER_MAX, IDENTITY_CLUSTER_MIN, type IdentityId } from '../../model/index.ts';
import { type Addr, Prefix, PrefixMap, PrefixSet } from '../../net/index.ts';
import { type Peer, PrefixSorter, uncovered } from '../../reach/index.ts';
import type { IpcacheReconciler } from '../ipcache-reconciler.ts';
import type { LocalAddresses } from '../local-addresses.ts';
import type { KernelRows } from './kernel-dump.ts';

/** A row that says of somebody who he is, otherwise than it is meant. */
export type WrongRow = { readonly row: string; readonly meant: string };

export type WhoIsWho = {
  /** Of the pods of this node that are known. */
  readonly identityOf: (
    endpoint: EndpointId,
  ) => { readonly pod: NamespacedName; readonly identity: IdentityId | undefined } | undefined;
  readonly local: LocalAddresses;
  readonly book: AddressBook;
  readonly ipcache: IpcacheReconciler;
};

/** Whose words and addresses are, row by row: everything else is said of identities. */
export function* wrongRows(kernel: KernelRows, { identityOf, local, book, ipcache }: WhoIsWho): Steps<WrongRow[]> {
  const wrong: WrongRow[] = [];
  for (const [id, { identity }] of kernel.words) {
    yield;
    const meant = identityOf(id);
    if (meant?.identity === identity) continue;
    const is =
      meant === undefined ? 'there is no such endpoint' : `${meant.pod} is identity ${meant.identity ?? 'unknown'}`;
    wrong.push({ row: `endpoint_words row: endpoint ${id} is identity ${identity}`, meant: is });
  }
  const localMeant = new Map(local.entries());
  for (const [addr, found] of kernel.endpoints) {
    yield;
    const meant = localMeant.get(addr);
    localMeant.delete(addr);
    if (meant?.endpoint === found.endpoint && meant.cidrIdentity === found.cidrIdentity) continue;
    const text = (row: typeof found | undefined): string =>
      row === undefined ? 'nobody of this node' : `endpoint ${row.endpoint}, CIDR identity ${row.cidrIdentity}`;
    wrong.push({ row: `endpoints row: ${addr} is ${text(found)}`, meant: text(meant) });
  }
  for (const addr of localMeant.keys()) wrong.push({ row: `no endpoints row of ${addr}`, meant: 'it is of this node' });
  let known = 0;
  for (const [prefix, found] of kernel.ipcache) {
    yield;
    const text = prefix.toString();
    if (ipcache.has(text)) known += 1;
    const meant = book.valueAt(text);
    if (
      meant?.identity === found.identity &&
      meant.cidrIdentity === found.cidrIdentity &&
      meant.tunnel === found.tunnel
    )
      continue;
    const say = (row: typeof found | undefined): string =>
      row === undefined
        ? 'no such row'
        : `identity ${row.identity}, CIDR identity ${row.cidrIdentity}, by ${row.tunnel ?? 'no node'}`;
    wrong.push({ row: `ipcache row: ${text} is ${say(found)}`, meant: say(meant) });
  }
  for (const { prefixlen, tenant, addr } of kernel.strange) {
    const row = `tenant_world row: ${addr}, ${prefixlen} bits, of 0x${tenant.toString(16)}`;
    wrong.push({ row, meant: 'no Tenant makes such a row' });
  }
  // Nearly always all are there, and no list of a hundred thousand is made to see it.
  if (known < ipcache.size) {
    const found = new Set(Array.from(kernel.ipcache, ([prefix]) => prefix.toString()));
    for (const [text] of ipcache.entries()) {
      if (!found.has(text)) wrong.push({ row: `no ipcache row of ${text}`, meant: 'there is to be one' });
    }
  }
  return wrong;
}

const NONE = 0 as IdentityId;
const NOBODY: ReadonlySet<number> = new Set([RESERVED_IDS['service-range'], RESERVED_IDS['pod-range']]);

/**
 * Everybody that the kernel would take some address for, and all `others`, each sort once. `listed`: prefixes between which
 * tenants make a difference.
 */
export function* peersOf(
  kernel: KernelRows,
  { others, listed }: { readonly others: Iterable<IdentityId>; readonly listed: readonly Prefix[] },
): Steps<Peer[]> {
  const peers = new Map<number, Map<string, Peer>>();
  const areas = new PrefixSet(listed);
  const add = (peer: Peer): void => {
    if (NOBODY.has(peer.identity)) return;
    const area = isPod(peer.identity) || peer.addr === undefined ? '' : (areas.longest(peer.addr)?.toString() ?? '');
    const of = peers.get(peer.identity) ?? new Map<string, Peer>();
    peers.set(peer.identity, of);
    const key = sortOf(peer.cidr, area);
    if (of.get(key)?.addr === undefined) of.set(key, peer);
  };
  /** Of a pod, wherever it is. */
  const isKnown = (identity: IdentityId, cidr: IdentityId): boolean =>
    peers.get(identity)?.get(sortOf(cidr, ''))?.addr !== undefined;
  const identityOf = new Map(kernel.words.map(([id, { identity }]) => [id, identity]));
  const local = new Set<string>();
  for (const [addr, { endpoint, cidrIdentity }] of kernel.endpoints) {
    local.add(addr);
    const identity = (endpoint as number) === 0 ? RESERVED_IDS.host : identityOf.get(endpoint);
    if (identity !== undefined) add({ identity, cidr: cidrIdentity, addr });
  }
  const { ipcache } = kernel;
  const sorter = new PrefixSorter(kernel.endpoints.length + listed.length + ipcache.length);
  for (const [addr] of kernel.endpoints) sorter.add(Prefix.host(addr));
  for (const prefix of listed) sorter.add(prefix);
  const ranges: (readonly [Prefix, IpcacheValue])[] = [];
  for (let index = 0; index < ipcache.length; index += 1) {
    yield;
    const prefix = ipcache.key(index);
    sorter.add(prefix);
    const value = ipcache.value(index);
    const { identity, cidrIdentity: cidr } = value;
    if (prefix.length < prefix.bits) ranges.push([prefix, value]);
    // Of most pods there is another one of the same sort, and no address is made of theirs.
    else if (!isPod(identity) || !isKnown(identity, cidr)) {
      const addr = prefix.network;
      // A pod of this node is found before the ipcache is asked.
      if (!local.has(addr)) add({ identity, cidr, addr });
    }
  }
  const around = sorter.sorted();
  const addressOf = (prefix: Prefix): Addr | undefined => {
    const addr = prefix.length === prefix.bits ? prefix.network : uncovered(prefix, around[prefix.family]);
    return addr === undefined || local.has(addr) ? undefined : addr;
  };
  for (const [prefix, { identity, cidrIdentity: cidr }] of ranges) {
    yield;
    const addr = addressOf(prefix);
    if (addr !== undefined) add({ identity, cidr, addr });
  }
  if (listed.length > 0) {
    const rows = new PrefixMap<number>();
    for (let index = 0; index < ipcache.length; index += 1) {
      yield;
      rows.set(ipcache.key(index), index);
    }
    for (const prefix of listed) {
      yield;
      const addr = addressOf(prefix);
      const index = addr && rows.longest(addr);
      if (addr === undefined || index === undefined) continue;
      const { identity, cidrIdentity: cidr } = ipcache.value(index);
      add({ identity, cidr, addr });
    }
  }
  for (const identity of others) add({ identity, cidr: NONE, addr: undefined });
  return Array.from(peers.values(), (of) => [...of.values()]).flat();
}

/** `area`: of what tenants list, the prefix that the address lies in. */
const sortOf = (cidr: IdentityId, area: string): string => (cidr === NONE ? area : `${cidr} ${area}`);

const isPod = (id: IdentityId): boolean => id >= IDENTITY_CLUSTER_MIN && id <= IDENTITY_CLUSTER_MAX;
