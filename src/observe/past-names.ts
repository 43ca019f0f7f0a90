import { IDENTITY_CLUSTER_MAX, IDENTITY_CLUSTER_MIN } from '../model/gen/numbers.ts';
import type { FlowDenial, FlowShadow } from '../model/index.ts';
import type { DatapathEvent, FlowLookup, WorkloadName } from './decode.ts';
import { History } from './history.ts';
import type { RecordLayout } from './record.ts';
import { Somebody } from './who.ts';

/** What the agent knows now about the numbers in a record. Everything may be unknown. */
export type NamesNow = {
  /** `k8s:app=web`, sorted; the same list as long as they are the same. */
  readonly labels: (identity: number) => readonly string[] | undefined;
  readonly endpoint: (id: number) => WorkloadName | undefined;
  /** The pod of another node that owns the address *and* has this identity: an address alone proves nothing. */
  readonly address: (addr: string, identity: number) => WorkloadName | undefined;
  /** `NetworkPolicy tenant-a/backend ingress[0]` */
  readonly rule: (id: number) => string | undefined;
  /** Why policy dropped it. */
  readonly denial: (event: DatapathEvent) => FlowDenial | undefined;
  /** What would become of it by what is not in force yet. */
  readonly shadow: (event: DatapathEvent) => FlowShadow | undefined;
};

/** What was found to mean something is looked at again after this: so old may a name be. */
const FRESH_MS = 200;
const FORGET_EVERY_MS = 60_000;
/** Kinds of denied packets that are remembered. */
const MAX_DENIALS = 8_192;
const ENDPOINTS = 65_536;
/** Kinds of denied packets that are told from each other within FRESH_MS. */
const KINDS = 4_096;

const sameName = (a: WorkloadName, b: WorkloadName) => a.pod === b.pod && a.namespace === b.namespace;
const sameText = (a: string, b: string) => a === b;
const sameLabels = (a: readonly string[], b: readonly string[]) =>
  a === b || (a.length === b.length && a.every((label, index) => label === b[index]));
const sameDenial = (a: FlowDenial, b: FlowDenial) => JSON.stringify(a) === JSON.stringify(b);

/**
 * What numbers meant when packets came. Records stay bytes; of each number that comes in one the meaning is noted then, once
 * in FRESH_MS, which is a comparison for most records.
 */
export class PastNames implements FlowLookup {
  readonly #layout: RecordLayout;
  readonly #now: NamesNow;
  readonly #labels = new History<number, readonly string[]>({ isSame: sameLabels });
  readonly #endpoints = new History<number, WorkloadName>({ isSame: sameName });
  readonly #addresses = new History<string, WorkloadName>({ isSame: sameName });
  readonly #rules = new History<number, string>({ isSame: sameText });
  readonly #denials = new History<string, FlowDenial>({ isSame: sameDenial, most: MAX_DENIALS });
  readonly #freshEndpoints = new Uint8Array(ENDPOINTS);
  readonly #freshNumbers = new Set<number>();
  readonly #freshKinds = new Uint32Array(KINDS);
  #freshUntil = 0;
  #forgetAt = 0;

  constructor(layout: RecordLayout, now: NamesNow) {
    this.#layout = layout;
    this.#now = now;
  }

  /** Before the records of one look. `oldest`: ms since the epoch of the oldest that is kept. */
  begin(now: number, oldest: () => number): void {
    if (now < this.#freshUntil && this.#freshUntil - now <= FRESH_MS) return;
    this.#freshUntil = now + FRESH_MS;
    this.#freshEndpoints.fill(0);
    this.#freshNumbers.clear();
    this.#freshKinds.fill(0);
    if (now < this.#forgetAt && this.#forgetAt - now <= FORGET_EVERY_MS) return;
    this.#forgetAt = now + FORGET_EVERY_MS;
    const before = Math.min(oldest(), now) - FORGET_EVERY_MS;
    for (const history of [this.#labels, this.#endpoints, this.#addresses, this.#rules, this.#denials])
      history.forget(before);
  }

  see(view: DataView, at: number, now: number): void {
    const { offsets } = this.#layout;
    const source = view.getUint16(at + offsets.sourceEndpoint, true);
    const destination = view.getUint16(at + offsets.destinationEndpoint, true);
    const sourceIdentity = view.getUint32(at + offsets.sourceIdentity, true);
    const destinationIdentity = view.getUint32(at + offsets.destinationIdentity, true);
    if (source !== 0) this.#seeEndpoint(source, now);
    else this.#seeAddress(view, at + offsets.source, sourceIdentity, now);
    if (destination !== 0) this.#seeEndpoint(destination, now);
    else this.#seeAddress(view, at + offsets.destination, destinationIdentity, now);
    this.#seeIdentity(sourceIdentity, now);
    this.#seeIdentity(destinationIdentity, now);
    this.#seeRule(view.getUint32(at + offsets.rule, true), now);
    this.#seeRule(view.getUint32(at + offsets.rule + 4, true), now);
  }

  /** As it was explained then. Apart: what is told of must be read whole. */
  seeDenied(view: DataView, at: number, now: number): void {
    const { offsets } = this.#layout;
    const ports = view.getUint32(at + offsets.sourcePort, true);
    const isReply = view.getUint8(at + offsets.isReply);
    // The opener's port says nothing about policy.
    const port = isReply === 0 ? ports >>> 16 : ports & 0xffff;
    let kind = Math.imul(view.getUint32(at + offsets.sourceIdentity, true), 0x9e37_79b1);
    kind = Math.imul(kind ^ view.getUint32(at + offsets.destinationIdentity, true), 0x85eb_ca6b);
    kind = Math.imul(kind ^ view.getUint32(at + offsets.source + 12, true), 0xc2b2_ae35);
    kind = Math.imul(kind ^ view.getUint32(at + offsets.destination + 12, true), 0x27d4_eb2f);
    kind = Math.imul(kind ^ port ^ (view.getUint8(at + offsets.protocol) << 16) ^ (isReply << 24), 0x1656_67b1);
    kind = ((kind ^ (kind >>> 15)) >>> 0) | 1;
    if (this.#freshKinds[kind & (KINDS - 1)] === kind) return;
    this.#freshKinds[kind & (KINDS - 1)] = kind;
    const event = this.#layout.decode(view, at);
    this.#denials.learn(kindOf(event), this.#now.denial(event), now);
  }

  labels(identity: number, time: number): readonly string[] | undefined {
    return this.#labels.at(identity, time) ?? this.#now.labels(identity);
  }

  endpoint(id: number, time: number): WorkloadName | undefined {
    return this.#endpoints.at(id, time);
  }

  address(addr: string, identity: number, time: number): WorkloadName | undefined {
    if (!isPod(identity)) return undefined;
    return this.#addresses.at(addressKey(addr, identity), time) ?? this.#now.address(addr, identity);
  }

  rule(id: number, time: number): string | undefined {
    return this.#rules.at(id, time) ?? this.#now.rule(id);
  }

  denial(event: DatapathEvent, time: number): FlowDenial | undefined {
    const then = this.#denials.at(kindOf(event), time);
    if (then !== undefined) return { ...then, judged: 'then' };
    const later = this.#now.denial(event);
    return later === undefined ? undefined : { ...later, judged: 'later' };
  }

  /** Of what will be, not of what was. */
  shadow(event: DatapathEvent): FlowShadow | undefined {
    return this.#now.shadow(event);
  }

  /** Who has been in a namespace that is wanted. */
  in(isWanted: (namespace: string) => boolean): Somebody {
    const wanted = (versions: readonly { readonly value: WorkloadName }[]) =>
      versions.some(({ value }) => isWanted(value.namespace));
    return new Somebody(
      [...this.#endpoints.entries()].filter(([, versions]) => wanted(versions)).map(([id]) => id),
      [...this.#addresses.entries()].filter(([, versions]) => wanted(versions)).map(([key]) => identityIn(key)),
    );
  }

  namespaces(): string[] {
    const all = [this.#endpoints, this.#addresses].flatMap((history) => [...history.entries()]);
    return [...new Set(all.flatMap(([, versions]) => versions.map(({ value }) => value.namespace)))].sort();
  }

  #seeEndpoint(id: number, now: number): void {
    if (this.#freshEndpoints[id] === 1) return;
    this.#freshEndpoints[id] = 1;
    this.#endpoints.learn(id, this.#now.endpoint(id), now);
  }

  #seeIdentity(id: number, now: number): void {
    if (id === 0 || this.#freshNumbers.has(id)) return;
    this.#freshNumbers.add(id);
    this.#labels.learn(id, this.#now.labels(id), now);
  }

  /** A rule's number has 32 bits, like an identity's: told apart by their sign. */
  #seeRule(id: number, now: number): void {
    if (id === 0 || this.#freshNumbers.has(-id)) return;
    this.#freshNumbers.add(-id);
    this.#rules.learn(id, this.#now.rule(id), now);
  }

  #seeAddress(view: DataView, at: number, identity: number, now: number): void {
    if (!isPod(identity)) return;
    // Of IPv4 the last 32 bits; identities have less than 20: within what a double tells apart.
    const key = (view.getUint32(at + 12) + 1) * 0x10_0000 + identity;
    if (this.#freshNumbers.has(key)) return;
    this.#freshNumbers.add(key);
    const addr = this.#layout.addr(view, at);
    this.#addresses.learn(addressKey(addr, identity), this.#now.address(addr, identity), now);
  }
}

const isPod = (identity: number): boolean => identity >= IDENTITY_CLUSTER_MIN && identity <= IDENTITY_CLUSTER_MAX;
const addressKey = (addr: string, identity: number): string => `${identity} ${addr}`;
const identityIn = (key: string): number => Number.parseInt(key, 10);

/** What policy judges of it. */
function kindOf(event: DatapathEvent): string {
  const { reason, source, destination, sourceIdentity, destinationIdentity, protocol, isReply } = event;
  const port = isReply ? event.sourcePort : event.destinationPort;
  return `${reason} ${sourceIdentity} ${source} ${destinationIdentity} ${destination} ${protocol} ${port} ${isReply}`;
}
