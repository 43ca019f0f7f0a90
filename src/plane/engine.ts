import {
  type Clock,
  errorMessage,
  inSlices,
  isMembraneError,
  type Lifecycle,
  type Logger,
  type NamespacedName,
  type Service,
  Signal,
} from '../base/index.ts';
import type { Cluster, ObjectProblems } from '../cluster/index.ts';
import type { EndpointWords } from '../datapath/index.ts';
import { type EndpointRecord, mayOpen } from '../endpoint/index.ts';
import type { ClusterNumbers } from '../identity/index.ts';
import type { EndpointId, IdentityId, PodIdentity } from '../model/index.ts';
import type { Addr } from '../net/index.ts';
import type { PolicyRepository } from '../policy/index.ts';
import type { TableReader } from '../table/index.ts';
import type { Endpoint, EndpointTable } from './endpoint-table.ts';
import type { IpcacheReconciler } from './ipcache-reconciler.ts';
import type { LocalAddresses } from './local-addresses.ts';
import { LocalIdentities } from './local-identities.ts';
import { LocalRows } from './local-rows.ts';
import type { OutsideWords } from './outside-words.ts';
import { Passes, type PassTimes } from './passes.ts';
import type { PolicyFollower } from './policies/policy-follower.ts';
import type { PolicyInstaller } from './policies/policy-installer.ts';
import { shortfallEvents } from './policies/shortfall-events.ts';
import { shortfallOf } from './policies/shortfalls.ts';
import type { Floor } from './tenants/floor.ts';
import type { SharedLabels } from './tenants/shared-labels.ts';
import type { Shares } from './tenants/shares.ts';
import type { TenantWorlds } from './tenants/worlds.ts';

/** How often what happens without an event (grace periods, addresses of the node) is looked at. */
const ROUTINE_MS = 30_000;

export type EngineOptions = {
  readonly cluster: Cluster;
  readonly endpoints: EndpointTable;
  readonly allocator: ClusterNumbers;
  readonly repository: PolicyRepository;
  readonly policies: PolicyFollower;
  readonly installer: PolicyInstaller;
  readonly ipcache: IpcacheReconciler;
  readonly local: LocalAddresses;
  readonly words: EndpointWords;
  readonly outside: OutsideWords;
  readonly floor: Floor;
  readonly shares: Shares;
  readonly sharedLabels: SharedLabels;
  readonly worlds: Pick<TenantWorlds, 'load'>;
  /** IPv4 addresses of the node's devices now. */
  readonly nodeAddresses: () => readonly Addr[];
  /** Writes what of the numbering has changed; called before any number is stated to the kernel. */
  readonly saveNumbers: () => void;
  /** Remembers which pod an endpoint serves, once that is known. */
  readonly saveEndpoint: (record: EndpointRecord) => void;
  readonly problems: ObjectProblems;
  readonly clock: Clock;
  readonly log: Logger;
  readonly passTimes?: PassTimes | undefined;
};

/**
 * The one place where decisions become kernel state, in an order in which every moment is safe: rows of a new identity
 * are in all tables before an address or a word states it; what is removed is unstated first. Events of one turn of the
 * event loop make one pass; passes never overlap. A pass costs what changed since the last one, not what there is.
 */
export class Engine implements Service {
  readonly #o: EngineOptions;
  readonly #passes: Passes;
  /** It is `converged` from now on. */
  readonly adopted = new Signal();
  #adopted = false;
  #prefixes = -1;
  /** Of what addresses of this node have by prefix. */
  #localPrefixes = -1;
  readonly #who = new LocalIdentities();
  readonly #rows: LocalRows;
  readonly #pods: readonly TableReader<NamespacedName>[];
  /** Endpoints to be looked at: until a pass has brought them to the kernel. */
  #changed = new Set<EndpointId>();
  /** Verdicts of an earlier life may be about owners that are others by now. */
  #mustRenew = false;

  constructor(options: EngineOptions) {
    this.#o = options;
    const { cluster, log, passTimes: times } = options;
    this.#rows = new LocalRows(cluster.book);
    this.#pods = [cluster.intent.pods.reader(), cluster.identities.rows.reader()];
    this.#passes = new Passes({ pass: async () => await this.#pass(), failure: 'pass failed', log, times });
  }

  /** Why the last pass failed; undefined: it did not. */
  get problem(): string | undefined {
    return this.#passes.problem;
  }

  /** Every decision has reached the kernel at least once. */
  get converged(): boolean {
    return this.#adopted;
  }

  /** What must be in the maps before anything else. */
  async open(): Promise<void> {
    await this.#o.installer.start(this.#o.clock.now());
    this.#mustRenew = this.#o.outside.open();
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    await this.open();
    lifecycle.spawn('engine routine', async (signal) => {
      while (!signal.aborted) {
        await this.#doubtTenants();
        this.kick();
        await this.#o.clock.sleep(ROUTINE_MS, signal).catch(() => undefined);
      }
    });
  }

  /** Whoever else may have written there. */
  async #doubtTenants(): Promise<void> {
    const { floor, shares, worlds, clock } = this.#o;
    await worlds.load();
    floor.doubt();
    await shares.doubt(clock.now());
  }

  async stop(): Promise<void> {
    await this.#passes.stop();
    await this.#o.installer.stop();
  }

  /** Something changed: there will be a pass after this turn of the event loop. */
  kick(): void {
    this.#passes.kick();
  }

  /** A pass is under way: what is decided and what the kernel has may differ. */
  get busy(): boolean {
    return this.#passes.busy;
  }

  /** Passes that have begun: where it is the same as before and none is under way, nothing was written meanwhile. */
  get begun(): number {
    return this.#passes.begun;
  }

  /** Resolves when nothing is left to do now. */
  async idle(): Promise<void> {
    do {
      await this.#passes.idle();
      await this.#o.installer.idle();
    } while (this.#passes.busy || this.#o.installer.busy);
  }

  /** Tables could not be made for a reason that is not theirs: tried again. */
  retry(failure: string): void {
    this.#passes.report(failure);
    this.#o.log.error({ error: failure }, 'policy tables could not be made');
    this.#passes.later(1_000);
  }

  async #pass(): Promise<void> {
    const { cluster, installer, repository, clock } = this.#o;
    if (!cluster.intent.synced || !this.#o.allocator.synced) {
      this.#reconcileLocal();
      this.#o.outside.settle();
      return;
    }
    await inSlices(this.#o.policies.follow());
    this.#o.floor.read();
    this.#o.sharedLabels.follow(this.#o.floor.membership, clock.now());
    cluster.follow(clock.elapsed(), this.#o.floor.membership);
    for (const { id } of this.#o.allocator.expire()) {
      repository.removeIdentity(id);
      installer.touch(id);
    }
    const { generation } = repository.cidrs;
    const prefixesChanged = generation !== this.#prefixes && cluster.book.followPrefixes();
    this.#prefixes = generation;
    // A number must be on disk before the kernel hears of it: after a crash it must not mean another workload.
    this.#o.saveNumbers();
    this.#follow();
    this.#adopt();

    this.#followTenants();
    await this.#install(prefixesChanged);
    await this.#reconcileOutside();
    this.#reconcileLocal();
    this.#storeWords();
    this.#o.outside.settle();
    for (const id of this.#who.takeUnused()) installer.drop(id, clock.now());
    const roomier = await installer.sweep(clock.now(), this.#who.revisions);
    const settled = this.#o.allocator.settle();
    // Who gets one of them next must have no word that its former owner had: conntrack remembers those.
    if (settled) installer.unshare();
    const waiting = settled && cluster.identities.waiting.length > 0;
    if (roomier || waiting || repository.cidrs.generation !== this.#prefixes) this.kick();
    if (installer.retired > 0) this.#passes.later(300);
    if (installer.short || this.#o.shares.lacking > 0) this.#passes.later(1_000);
  }

  /** Before anything states an identity. Who belongs to whom is in no word: where it changes, all are judged anew. */
  #followTenants(): void {
    const { floor, shares, installer, outside, clock } = this.#o;
    // Should the agent die between the two, the next one finds words that are not settled.
    const before = (): void => outside.unsettle('all');
    const moved = floor.follow(before);
    const ended = shares.follow(floor.membership, clock.now(), before);
    if (moved || ended || this.#mustRenew) installer.renew(clock.now());
    this.#mustRenew = false;
    const { nextEnd } = shares;
    if (nextEnd !== undefined) this.#passes.later(Math.min(Math.max(0, nextEnd - clock.now()), ROUTINE_MS));
  }

  /** A full map costs the addresses that did not fit their names; it must not cost the pods of this node theirs. */
  async #reconcileOutside(): Promise<void> {
    try {
      await this.#o.ipcache.reconcile(this.#o.cluster.book, this.#o.outside);
    } catch (error) {
      if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
      const problem = errorMessage(error);
      this.#passes.report(problem);
      this.#o.log.error({ error: problem }, 'the ipcache is full');
    }
  }

  #reconcileLocal(): void {
    const { ipcache, local, outside, repository, nodeAddresses } = this.#o;
    this.#drainEndpoints();
    this.#rows.setNode(nodeAddresses());
    const { generation } = repository.cidrs;
    if (generation !== this.#localPrefixes) this.#rows.touchAll();
    this.#localPrefixes = generation;
    local.reconcile(this.#rows, (moved) => outside.unsettle(moved.filter((addr) => !ipcache.isNobodys(addr))));
  }

  #drainEndpoints(): void {
    const { endpoints } = this.#o;
    for (const id of endpoints.drain()) {
      this.#changed.add(id);
      this.#rows.setEndpoint(id, endpoints.get(id));
    }
  }

  /** Endpoints that changed, or whose pod did, and who they are now. */
  #follow(): void {
    const { endpoints, installer, repository } = this.#o;
    this.#drainEndpoints();
    for (const reader of this.#pods) {
      for (const pod of reader.drain()) for (const id of endpoints.idsOfPod(pod)) this.#changed.add(id);
    }
    for (const id of this.#changed) this.#note(id);
    for (const id of repository.drainDirty()) installer.touch(id);
  }

  #note(id: EndpointId): void {
    const { endpoints, words, installer } = this.#o;
    const endpoint = endpoints.get(id);
    const part = endpoint && { identity: this.identityOf(endpoint)?.id, word: words.get(id) };
    const come = this.#who.set(id, part);
    if (come !== undefined) installer.touch(come);
  }

  /** Once: what an earlier life had in force goes on until the tables that are wanted are there. */
  #adopt(): void {
    if (this.#adopted) return;
    const { endpoints, words, installer } = this.#o;
    for (const endpoint of endpoints.values()) {
      const word = words.get(endpoint.record.id);
      const wanted = this.identityOf(endpoint);
      if (word === undefined || wanted === undefined || wanted.id !== word.identity) continue;
      installer.adopt(wanted.id, word.revision, this.#o.clock.now());
    }
    this.#adopted = true;
    this.adopted.emit();
  }

  /** The pod's identity, if the API knows exactly this pod, on this node, and it has one. */
  identityOf({ record }: Endpoint): PodIdentity | undefined {
    const row = this.#o.cluster.runs(record.pod)?.identity;
    return row?.state === 'assigned' ? row.identity : undefined;
  }

  #whyClosed({ record }: Endpoint): string {
    const row = this.#o.cluster.runs(record.pod)?.identity;
    return row === undefined || row.state === 'assigned'
      ? 'the API does not know this pod, or not its namespace'
      : row.why;
  }

  /**
   * Makes the tables of identities that endpoints here have. Endpoints that stay who they are go over to their new
   * tables at once; when prefixes changed only where they close, because then the ipcache must follow first.
   */
  async #install(prefixesChanged: boolean): Promise<void> {
    const { installer, repository, clock } = this.#o;
    const isHere = (id: IdentityId): boolean => this.#who.has(id);
    await installer.prepare(isHere);
    await installer.build();
    for (const [id, installed] of installer.install(isHere, clock.now())) {
      for (const endpoint of this.#who.endpointsOf(id)) this.#changed.add(endpoint);
      if (Object.values(installed.states).every(({ problem }) => problem === undefined)) continue;
      for (const { subject, problem } of shortfallEvents(installed, repository.policiesFor(id))) {
        this.#o.problems.report(subject, [problem]);
      }
    }
    this.#storeWordsOfSame({ closing: prefixesChanged });
  }

  /** Of endpoints that stay who they are; `closing`: only where a direction is to close. */
  #storeWordsOfSame({ closing }: { closing: boolean }): void {
    const { words, installer } = this.#o;
    for (const endpoint of this.#changedOnes()) {
      const identity = this.identityOf(endpoint);
      if (identity === undefined || words.get(endpoint.record.id)?.identity !== identity.id) continue;
      const states = Object.values(installer.get(identity.id)?.states ?? {});
      if (!closing || states.some(({ inForce }) => inForce === 'closed')) this.#storeWord(endpoint);
    }
  }

  #storeWords(): void {
    // What changes from here on is the next pass's.
    const changed = this.#changed;
    for (const endpoint of this.#changedOnes()) this.#storeWord(endpoint);
    for (const id of changed) this.#note(id);
    this.#changed = new Set();
  }

  /** Those that may have a word. */
  #changedOnes(): Endpoint[] {
    const found = Array.from(this.#changed, (id) => this.#o.endpoints.get(id));
    return found.filter((endpoint) => endpoint !== undefined && mayOpen(endpoint.state)) as Endpoint[];
  }

  #storeWord(endpoint: Endpoint): void {
    const { endpoints, words, installer } = this.#o;
    const { id } = endpoint.record;
    const identity = this.identityOf(endpoint);
    if (identity === undefined) {
      if (words.get(id) !== undefined) words.clear(id);
      endpoints.transition(id, { type: 'closed' }, this.#whyClosed(endpoint));
      return;
    }
    const installed = installer.get(identity.id);
    if (installed === undefined) {
      endpoints.transition(id, { type: 'closed' }, 'its policy is being written');
      return;
    }
    this.#bind(endpoint);
    const word = words.get(id);
    if (word?.identity !== identity.id || word.revision !== installed.revision) {
      words.set(id, { identity: identity.id, revision: installed.revision });
    }
    endpoints.transition(id, { type: 'opened' }, shortfallOf(installed));
  }

  /** A runtime may not say the uid: from its first opening on, an endpoint serves this pod and no later one of its name. */
  #bind({ record }: Endpoint): void {
    if (record.pod.uid !== undefined) return;
    const uid = this.#o.cluster.runs(record.pod)?.pod.uid;
    if (uid === undefined) return;
    const bound = { ...record, pod: { ...record.pod, uid } };
    this.#o.saveEndpoint(bound);
    this.#o.endpoints.replaceRecord(bound);
  }
}
