import { type NamespacedName, namespacedName } from '../base/index.ts';
import type { ClusterNumbers } from '../identity/index.ts';
import type { IdentityId, NodeEndpointSlice, PodIdentity } from '../model/index.ts';
import type { Addr } from '../net/index.ts';
import { FewByKey, type TableReader } from '../table/index.ts';
import type { AddressBook } from './address-book.ts';
import type { Intent } from './intent.ts';
import { tunnelOf } from './node-tunnel.ts';
import type { ObjectProblems } from './object-problems.ts';
import { podRangesOf } from './pod-ranges.ts';
import type { RangeOwners } from './range-owners.ts';
import { type StatedPod, statedPods } from './stated-pods.ts';

/** Why a pod that a node tells of is nobody to this one. */
export const DISBELIEFS = ['no-node', 'foreign-address', 'told-twice', 'unknown-identity'] as const;
export type Disbelief = (typeof DISBELIEFS)[number];

export type PodsElsewhereOptions = {
  readonly intent: Pick<Intent, 'nodes' | 'nodeSlices'>;
  readonly numbers: Pick<ClusterNumbers, 'get' | 'known'>;
  readonly book: Pick<AddressBook, 'setPod'>;
  readonly owners: RangeOwners;
  readonly problems: ObjectProblems;
  readonly nodeName: string;
};

/** A pod of another node that is believed to be where its node says. */
export type PodElsewhere = {
  readonly pod: NamespacedName;
  readonly node: string;
  readonly identity: PodIdentity;
  readonly addresses: readonly Addr[];
};

/**
 * From what nodes tell of their pods to whose each address elsewhere is. A node is believed about addresses that it alone
 * gives out, if nobody else says that he has one, and about numbers that mean somebody: what is not so is nobody's, and
 * nothing else is touched by it.
 */
export class PodsElsewhere {
  readonly #o: PodsElsewhereOptions;
  readonly #readers: { readonly nodes: TableReader<NamespacedName>; readonly slices: TableReader<NamespacedName> };
  readonly #identities: TableReader;
  readonly #slices = new Map<NamespacedName, readonly StatedPod[]>();
  readonly #slicesOf = new Map<string, Set<NamespacedName>>();
  readonly #byAddr = new FewByKey<Addr, StatedPod>();
  readonly #byPod = new FewByKey<NamespacedName, StatedPod>();
  readonly #byIdentity = new FewByKey<IdentityId, StatedPod>();
  readonly #disbelieved = new Map<Addr, Disbelief>();
  readonly #told = new Set<string>();

  constructor(options: PodsElsewhereOptions) {
    this.#o = options;
    const { intent, numbers } = options;
    this.#readers = { nodes: intent.nodes.reader(), slices: intent.nodeSlices.reader() };
    this.#identities = numbers.known.reader();
  }

  /** Addresses at which a node tells of a pod that is not believed to be there, and why. */
  get disbelieved(): ReadonlyMap<Addr, Disbelief> {
    return this.#disbelieved;
  }

  /** Some node says that a pod has it. */
  isTold(addr: Addr): boolean {
    return this.#byAddr.has(addr);
  }

  /** All addresses that some node says a pod has. */
  toldAddresses(): IterableIterator<Addr> {
    return this.#byAddr.keys();
  }

  /** The pod of that name, of a node that it is believed to be at. */
  get(pod: NamespacedName): PodElsewhere | undefined {
    return this.#byPod
      .of(pod)
      .map((stated) => this.#believed(stated))
      .findLast((found) => found !== undefined);
  }

  /** All that are believed. */
  *pods(): Generator<PodElsewhere, void, void> {
    for (const stated of this.#slices.values()) {
      for (const one of stated) {
        const found = this.#believed(one);
        if (found !== undefined) yield found;
      }
    }
  }

  follow(): void {
    const dirty = new Set<Addr>();
    for (const name of this.#readers.nodes.drain()) {
      const node = this.#o.intent.nodes.get(name);
      // The names of a node and of its object in the table are one: it is cluster-wide.
      for (const concerned of this.#o.owners.set(name, node === undefined ? [] : podRangesOf(node))) {
        for (const slice of this.#slicesOf.get(concerned) ?? []) touch(this.#slices.get(slice) ?? [], dirty);
      }
    }
    for (const name of this.#readers.slices.drain()) this.#takeIn(name, this.#o.intent.nodeSlices.get(name), dirty);
    for (const text of this.#identities.drain()) touch(this.#byIdentity.of(Number(text) as IdentityId), dirty);
    for (const addr of dirty) this.#judge(addr);
  }

  #takeIn(name: NamespacedName, slice: NodeEndpointSlice | undefined, dirty: Set<Addr>): void {
    const before = this.#slices.get(name) ?? [];
    const after = slice === undefined ? [] : statedPods(name, slice, before);
    const kept = new Set(after);
    const known = new Set(before);
    const gone = before.filter((stated) => !kept.has(stated));
    const come = after.filter((stated) => !known.has(stated));
    for (const stated of gone) this.#file('delete', stated, dirty);
    for (const stated of come) this.#file('add', stated, dirty);
    if (slice === undefined) this.#slices.delete(name);
    else this.#slices.set(name, after);
    this.#fileSlice(name, slice?.node ?? before[0]?.node, slice !== undefined);
  }

  #fileSlice(name: NamespacedName, node: string | undefined, isThere: boolean): void {
    if (node === undefined) return;
    const slices = this.#slicesOf.get(node) ?? new Set();
    if (isThere) slices.add(name);
    else slices.delete(name);
    if (slices.size === 0) this.#slicesOf.delete(node);
    else this.#slicesOf.set(node, slices);
  }

  #file(change: 'add' | 'delete', stated: StatedPod, dirty: Set<Addr>): void {
    this.#byPod[change](stated.pod, stated);
    if (stated.own === undefined) return;
    this.#byIdentity[change](stated.own.identity, stated);
    for (const addr of stated.own.addresses) {
      this.#byAddr[change](addr, stated);
      dirty.add(addr);
    }
  }

  #judge(addr: Addr): void {
    const { nodeName, book, numbers } = this.#o;
    const told = this.#byAddr.of(addr);
    const owner = this.#ownerOf(addr, told);
    const identity = owner?.own && numbers.get(owner.own.identity);
    this.#note(addr, told, owner, identity !== undefined);
    const node = owner && this.#nodeOf(owner);
    if (owner === undefined || owner.node === nodeName || identity === undefined || node === undefined) {
      return book.setPod(addr, undefined);
    }
    book.setPod(addr, { owner: { kind: 'pod', key: owner.pod }, identity: identity.id, tunnel: tunnelOf(node) });
  }

  /** The one of those who are told of that may have the address; undefined: none, or several. */
  #ownerOf(addr: Addr, told: readonly StatedPod[]): StatedPod | undefined {
    const [first, ...others] = told.filter((stated) => this.#refusal(stated, addr) === undefined);
    return others.length === 0 ? first : undefined;
  }

  #refusal(stated: StatedPod, addr: Addr): Disbelief | undefined {
    if (this.#nodeOf(stated) === undefined) return 'no-node';
    const givers = this.#o.owners.ownersOf(addr);
    return givers.size === 1 && givers.has(stated.node) ? undefined : 'foreign-address';
  }

  /** The Node that what was told belongs to: not another one that has got its name. */
  #nodeOf({ node, nodeUid }: StatedPod) {
    const row = this.#o.intent.nodes.get(namespacedName({ name: node }));
    return row?.uid === nodeUid ? row : undefined;
  }

  #believed(stated: StatedPod): PodElsewhere | undefined {
    const { pod, node, own } = stated;
    if (own === undefined || node === this.#o.nodeName) return undefined;
    const addresses = own.addresses.filter(
      (addr) => !this.#disbelieved.has(addr) || this.#ownerOf(addr, this.#byAddr.of(addr)) === stated,
    );
    const identity = this.#o.numbers.get(own.identity);
    return identity === undefined || addresses.length === 0 ? undefined : { pod, node, identity, addresses };
  }

  /** Says on the objects what is wrong with them for good. What only has not arrived yet comes by itself. */
  #note(addr: Addr, told: readonly StatedPod[], owner: StatedPod | undefined, isSomebody: boolean): void {
    this.#disbelieved.delete(addr);
    if (owner !== undefined && !isSomebody) this.#disbelieved.set(addr, 'unknown-identity');
    for (const stated of told) {
      if (stated === owner) continue;
      const why = this.#refusal(stated, addr) ?? 'told-twice';
      this.#disbelieved.set(addr, why);
      const of = `${addr} of ${stated.pod}`;
      if (why === 'told-twice') {
        this.#tell(stated.slice, `${of} is the address of another pod as well: nobody has it until one is left`);
      } else if (why === 'foreign-address') {
        this.#tell(stated.slice, `${of} is in no range that ${stated.node} alone gives to its pods (spec.podCIDRs)`);
      }
    }
  }

  #tell(slice: NamespacedName, message: string): void {
    const object = this.#o.intent.nodeSlices.get(slice);
    const text = `${slice} ${message}`;
    if (object === undefined || this.#told.has(text)) return;
    if (this.#told.size >= MOST_TOLD) this.#told.clear();
    this.#told.add(text);
    const { name, uid } = object;
    const subject = {
      apiVersion: 'membrane.io/v1alpha1',
      kind: 'NodeEndpointSlice',
      namespace: '',
      name,
      uid,
    } as const;
    this.#o.problems.report(subject, [{ reason: 'AddressRefused', message }]);
  }
}

const MOST_TOLD = 1_000;

function touch(pods: readonly StatedPod[], dirty: Set<Addr>): void {
  for (const { own } of pods) for (const addr of own?.addresses ?? []) dirty.add(addr);
}
