import { type Clock, errorMessage, isMembraneError, type Lifecycle, type Logger, type Service } from '../base/index.ts';
import type { EndpointValue, EndpointWords } from '../datapath/index.ts';
import { type EndpointRecord, mayOpen } from '../endpoint/index.ts';
import { type AddressBook, type IdentityAllocator, RESERVED_IDS } from '../identity/index.ts';
import {
  endpointId,
  type IdentityId,
  identityId,
  ifindex,
  type PodIdentity,
  type PolicyRevision,
  type PolicyTable,
} from '../model/index.ts';
import type { Addr } from '../net/index.ts';
import type { PolicyRepository } from '../policy/index.ts';
import type { Endpoint, EndpointTable } from './endpoint-table.ts';
import type { Intent } from './intent.ts';
import type { IpcacheReconciler } from './ipcache-reconciler.ts';
import type { LocalAddresses } from './local-addresses.ts';
import { Passes } from './passes.ts';
import type { PeerFollower } from './peer-follower.ts';
import type { PodIdentities } from './pod-identities.ts';
import type { PolicyFollower } from './policy-follower.ts';
import type { PolicyInstaller } from './policy-installer.ts';

const OUTSIDE = endpointId(0);
/** How often what happens without an event (grace periods, addresses of the node) is looked at. */
const ROUTINE_MS = 30_000;

export type EngineOptions = {
  readonly intent: Intent;
  readonly endpoints: EndpointTable;
  readonly identities: PodIdentities;
  readonly allocator: IdentityAllocator;
  readonly repository: PolicyRepository;
  readonly book: AddressBook;
  readonly policies: PolicyFollower;
  readonly peers: PeerFollower;
  readonly installer: PolicyInstaller;
  readonly ipcache: IpcacheReconciler;
  readonly local: LocalAddresses;
  readonly words: EndpointWords;
  /** IPv4 addresses of the node's devices now. */
  readonly nodeAddresses: () => readonly Addr[];
  /** Writes what of the numbering has changed; called before any number is stated to the kernel. */
  readonly saveNumbers: () => void;
  /** Remembers which pod an endpoint serves, once that is known. */
  readonly saveEndpoint: (record: EndpointRecord) => void;
  /** Policy tables that an earlier life left in the kernel. */
  readonly leftovers: Map<PolicyRevision, PolicyTable>;
  readonly clock: Clock;
  readonly log: Logger;
  /** ms from the first event to the last store of a pass. */
  readonly onPass?: (ms: number) => void;
};

/**
 * The one place where decisions become kernel state, in an order in which every moment is safe: rows of a new identity
 * are in all tables before an address or a word states it; what is removed is unstated first. Events of one turn of the
 * event loop make one pass; passes never overlap.
 */
export class Engine implements Service {
  readonly #o: EngineOptions;
  readonly #passes: Passes;
  readonly #outdated = new Set<IdentityId>();
  #adopted = false;

  constructor(options: EngineOptions) {
    this.#o = options;
    const { log, onPass } = options;
    this.#passes = new Passes({ pass: async () => await this.#pass(), failure: 'pass failed', log, onPass });
  }

  /** Why the last pass failed; undefined: it did not. */
  get problem(): string | undefined {
    return this.#passes.problem;
  }

  /** Every decision has reached the kernel at least once. */
  get converged(): boolean {
    return this.#adopted;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    this.#openOutside();
    lifecycle.spawn('engine routine', async (signal) => {
      while (!signal.aborted) {
        this.kick();
        await this.#o.clock.sleep(ROUTINE_MS, signal).catch(() => undefined);
      }
    });
  }

  async stop(): Promise<void> {
    await this.#passes.stop();
  }

  /** Something changed: there will be a pass after this turn of the event loop. */
  kick(): void {
    this.#passes.kick();
  }

  /** Resolves when nothing is left to do now. */
  async idle(): Promise<void> {
    await this.#passes.idle();
  }

  async #pass(): Promise<void> {
    const { intent, book, installer, clock } = this.#o;
    if (!intent.synced) {
      this.#o.local.reconcile(this.#localAddresses());
      return;
    }
    const followed = this.#o.policies.follow();
    this.#o.peers.follow();
    for (const { id } of this.#o.allocator.expire()) this.#o.repository.removeIdentity(id);
    const prefixesChanged = followed.changed > 0 && book.followPrefixes();
    // A number must be on disk before the kernel hears of it: after a crash it must not mean another workload.
    this.#o.saveNumbers();
    this.#adopt();

    await this.#install(prefixesChanged);
    const outsideChanged = await this.#reconcileOutside();
    const localChanged = this.#o.local.reconcile(this.#localAddresses());
    this.#storeWords();
    if (outsideChanged || localChanged) this.#bumpOutside();
    this.#dropUnused();
    await installer.sweep(clock.now(), this.#namedRevisions());
    if (installer.retired > 0) this.#passes.later(300);
  }

  /** A full map costs the addresses that did not fit their names; it must not cost the pods of this node theirs. */
  async #reconcileOutside(): Promise<boolean> {
    try {
      return await this.#o.ipcache.reconcile(this.#o.book.desired());
    } catch (error) {
      if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
      const problem = errorMessage(error);
      this.#passes.report(problem);
      this.#o.log.error({ error: problem }, 'the ipcache is full');
      return true;
    }
  }

  /** Once: revisions of an earlier life that still say what is wanted go on; the others go. */
  #adopt(): void {
    if (this.#adopted) return;
    const { endpoints, words, installer, leftovers, clock } = this.#o;
    for (const endpoint of endpoints.values()) {
      const word = words.get(endpoint.record.id);
      const wanted = this.identityOf(endpoint);
      if (word === undefined || wanted === undefined || wanted.id !== word.identity) continue;
      installer.adopt(wanted.id, word.revision, leftovers.get(word.revision) ?? []);
    }
    const adopted = new Set(Array.from(installer.entries(), ([, { revision }]) => revision));
    for (const revision of leftovers.keys()) if (!adopted.has(revision)) installer.retire(revision, clock.now());
    leftovers.clear();
    this.#adopted = true;
  }

  /** The pod's identity, if the API knows exactly this pod, on this node. */
  identityOf({ record }: Endpoint): PodIdentity | undefined {
    const key = `${record.pod.namespace}/${record.pod.name}`;
    const pod = this.#o.intent.pods.get(key);
    if (pod === undefined || (record.pod.uid !== undefined && pod.uid !== record.pod.uid)) return undefined;
    return this.#o.identities.get(key);
  }

  /**
   * Writes the tables of all identities that endpoints here have. Endpoints that stay who they are go over to their new
   * table at once, so that a change of many tables need not wait for the last; not when prefixes changed, because then
   * the ipcache must follow first.
   */
  async #install(prefixesChanged: boolean): Promise<void> {
    const { endpoints, installer, repository, words, clock } = this.#o;
    for (const id of repository.drainDirty()) this.#outdated.add(id);
    const wanted = new Map<IdentityId, Endpoint[]>();
    for (const endpoint of endpoints.values()) {
      const identity = mayOpen(endpoint.state) ? this.identityOf(endpoint) : undefined;
      if (identity === undefined) continue;
      const members = wanted.get(identity.id);
      if (members === undefined) wanted.set(identity.id, [endpoint]);
      else members.push(endpoint);
    }
    for (const [id, members] of wanted) {
      const before = installer.get(id);
      if (before !== undefined && before.refused === undefined && !this.#outdated.has(id)) continue;
      this.#outdated.delete(id);
      const after = await installer.install(id, clock.now());
      if (after.refused !== undefined && after.refused !== before?.refused) {
        const error = errorMessage(after.refused);
        this.#o.log.error({ identity: id, error }, 'policy refused, the last good one goes on');
      }
      if (prefixesChanged) continue;
      for (const { record } of members) {
        const endpoint = endpoints.get(record.id);
        const same = words.get(record.id)?.identity === id;
        if (same && endpoint !== undefined && mayOpen(endpoint.state)) this.#storeWord(endpoint);
      }
    }
    for (const id of this.#outdated) if (installer.get(id) === undefined) this.#outdated.delete(id);
  }

  #storeWords(): void {
    for (const endpoint of this.#o.endpoints.values()) if (mayOpen(endpoint.state)) this.#storeWord(endpoint);
  }

  #storeWord(endpoint: Endpoint): void {
    const { endpoints, words, installer } = this.#o;
    const { id } = endpoint.record;
    const identity = this.identityOf(endpoint);
    if (identity === undefined) {
      if (words.get(id) !== undefined) words.clear(id);
      endpoints.transition(id, { type: 'closed' }, 'the API does not know this pod, or not its namespace');
      return;
    }
    const installed = installer.get(identity.id);
    if (installed?.revision === undefined) {
      // A new identity whose table does not fit: what was in force goes on.
      const detail = installed?.refused?.message ?? 'its policy is being written';
      endpoints.transition(id, { type: words.get(id) === undefined ? 'closed' : 'opened' }, detail);
      return;
    }
    this.#bind(endpoint);
    const word = words.get(id);
    if (word?.identity !== identity.id || word.revision !== installed.revision) {
      words.set(id, { identity: identity.id, revision: installed.revision });
    }
    endpoints.transition(id, { type: 'opened' }, installed.refused?.message);
  }

  /** A runtime may not say the uid: from its first opening on, an endpoint serves this pod and no later one of its name. */
  #bind({ record }: Endpoint): void {
    if (record.pod.uid !== undefined) return;
    const uid = this.#o.intent.pods.get(`${record.pod.namespace}/${record.pod.name}`)?.uid;
    if (uid === undefined) return;
    const bound = { ...record, pod: { ...record.pod, uid } };
    this.#o.saveEndpoint(bound);
    this.#o.endpoints.replaceRecord(bound);
  }

  #dropUnused(): void {
    const { endpoints, words, installer, clock } = this.#o;
    const stated = new Set<IdentityId>();
    for (const endpoint of endpoints.values()) {
      const word = words.get(endpoint.record.id);
      const wanted = this.identityOf(endpoint);
      if (word !== undefined) stated.add(word.identity);
      if (wanted !== undefined) stated.add(wanted.id);
    }
    for (const [id] of installer.entries().toArray()) if (!stated.has(id)) installer.drop(id, clock.now());
  }

  #namedRevisions(): Set<PolicyRevision> {
    const { endpoints, words } = this.#o;
    const named = endpoints.values().flatMap(({ record }) => words.get(record.id)?.revision ?? []);
    return new Set(named);
  }

  #localAddresses(): Map<Addr, EndpointValue> {
    const { book, endpoints, nodeAddresses } = this.#o;
    const desired = new Map<Addr, EndpointValue>();
    for (const addr of nodeAddresses()) {
      const cidrIdentity = book.cidrIdentityOf('node', addr);
      desired.set(addr, { endpoint: OUTSIDE, ifindex: ifindex(0), cidrIdentity });
    }
    for (const { state, record } of endpoints.values()) {
      if (!mayOpen(state)) continue;
      const cidrIdentity = book.cidrIdentityOf('pod', record.addr);
      desired.set(record.addr, { endpoint: record.id, ifindex: record.hostIfindex, cidrIdentity });
    }
    return desired;
  }

  /** The word of everything that is not a local pod; a number of an earlier life stays until something changes. */
  #openOutside(): void {
    const { words, installer } = this.#o;
    if (words.get(OUTSIDE) !== undefined) return;
    words.set(OUTSIDE, { identity: identityId(RESERVED_IDS.host), revision: installer.freshRevision() });
  }

  /** Connections with the outside are judged anew: an address may belong to somebody else now. */
  #bumpOutside(): void {
    const { words, installer } = this.#o;
    words.set(OUTSIDE, { identity: identityId(RESERVED_IDS.host), revision: installer.freshRevision() });
  }
}
