import type { AddressBook } from '../cluster/index.ts';
import type { EndpointValue } from '../datapath/index.ts';
import { type EndpointRecord, type EndpointState, isConnected } from '../endpoint/index.ts';
import { type EndpointId, endpointId, ifindex } from '../model/index.ts';
import type { Addr } from '../net/index.ts';

const NODE = endpointId(0);

export type LocalChanges = ReadonlyMap<Addr, EndpointValue | undefined>;

/** Who has which address on this node: the rows that the kernel's table of local addresses should have. */
export class LocalRows {
  readonly #book: Pick<AddressBook, 'cidrIdentityOf'>;
  readonly #addrOf = new Map<EndpointId, Addr>();
  /** The one that came last has it. */
  readonly #pods = new Map<Addr, Map<EndpointId, EndpointRecord>>();
  #node: ReadonlySet<Addr> = new Set();
  #changed = new Set<Addr>();

  constructor(book: Pick<AddressBook, 'cidrIdentityOf'>) {
    this.#book = book;
  }

  /** Undefined: it is gone. */
  setEndpoint(id: EndpointId, endpoint: { record: EndpointRecord; state: EndpointState } | undefined): void {
    const before = this.#addrOf.get(id);
    const record = endpoint !== undefined && isConnected(endpoint.state) ? endpoint.record : undefined;
    if (before !== undefined && before !== record?.addr) this.#forget(id, before);
    if (record === undefined) return;
    const owners = this.#pods.get(record.addr) ?? new Map<EndpointId, EndpointRecord>();
    this.#pods.set(record.addr, owners.set(id, record));
    this.#addrOf.set(id, record.addr);
    this.#changed.add(record.addr);
  }

  /** The addresses of the node's devices now. */
  setNode(addrs: readonly Addr[]): void {
    const now = new Set(addrs);
    for (const addr of now.symmetricDifference(this.#node)) this.#changed.add(addr);
    this.#node = now;
  }

  /** What is said of each address by prefix may be other. */
  touchAll(): void {
    for (const addr of this.#all()) this.#changed.add(addr);
  }

  /** Rows that may be others since the last call; undefined: there is to be none. */
  changes(): LocalChanges {
    const changed = this.#changed;
    this.#changed = new Set();
    return new Map(Array.from(changed, (addr) => [addr, this.#row(addr)]));
  }

  /** All of them, for who knows nothing yet; `changes` begins anew. */
  desired(): ReadonlyMap<Addr, EndpointValue | undefined> {
    this.#changed = new Set();
    return new Map(Array.from(this.#all(), (addr) => [addr, this.#row(addr)]));
  }

  #all(): ReadonlySet<Addr> {
    return new Set([...this.#node, ...this.#pods.keys()]);
  }

  #forget(id: EndpointId, addr: Addr): void {
    const owners = this.#pods.get(addr);
    owners?.delete(id);
    if (owners?.size === 0) this.#pods.delete(addr);
    this.#addrOf.delete(id);
    this.#changed.add(addr);
  }

  #row(addr: Addr): EndpointValue | undefined {
    const record = [...(this.#pods.get(addr)?.values() ?? [])].at(-1);
    if (record !== undefined) {
      const cidrIdentity = this.#book.cidrIdentityOf('pod', addr);
      return { endpoint: record.id, ifindex: record.hostIfindex, cidrIdentity };
    }
    if (!this.#node.has(addr)) return undefined;
    return { endpoint: NODE, ifindex: ifindex(0), cidrIdentity: this.#book.cidrIdentityOf('node', addr) };
  }
}
