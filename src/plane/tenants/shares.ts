import { isMembraneError, type NamespacedName, nameParts } from '../../base/index.ts';
import type { Intent } from '../../cluster/index.ts';
import { monotonicTick, type TenantSharesMap } from '../../datapath/index.ts';
import type { ClusterNumbers } from '../../identity/index.ts';
import { IDENTITY_CLUSTER_MAX, IDENTITY_CLUSTER_MIN, type PodIdentity, TICK_BITS } from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import type { TableReader } from '../../table/index.ts';
import {
  type Imported,
  importedBy,
  type Membership,
  type Share,
  type SharedEnd,
  type ShareKey,
  shareKey,
  type TenancySettings,
} from '../../tenant/index.ts';

export type SharesOptions = {
  readonly intent: Pick<Intent, 'tenants' | 'services'>;
  readonly numbers: Pick<ClusterNumbers, 'known' | 'get'>;
  readonly map: TenantSharesMap;
  readonly systemServices: TenancySettings['systemServices'];
  /** Where API servers answer; another array when it is elsewhere. */
  readonly apiServers: () => readonly SharedEnd[];
};

const TICK_MS = 2 ** TICK_BITS / 1e6;
const NOTHING: ReadonlyMap<string, Share> = new Map();
/** Between two readings of the same moment by two clocks. */
const SAME_TICKS = 2;

const rowKey = ({ opener, responder, port, protocol }: ShareKey) => ({
  opener,
  responder,
  port,
  protocol: PROTOCOL_NUMBERS[protocol],
});

const isPodNumber = (id: number): boolean => id >= IDENTITY_CLUSTER_MIN && id <= IDENTITY_CLUSTER_MAX;

const keyText = ({ opener, responder, port, protocol }: Parameters<TenantSharesMap['get']>[0]): string =>
  [opener, responder, port, protocol].join();

/** Keeps the kernel's shares at what tenants export to each other and import; a tenant's are looked at when what they follow from changes. */
export class Shares {
  readonly #o: SharesOptions;
  readonly #tenants: TableReader<NamespacedName>;
  readonly #services: TableReader<NamespacedName>;
  readonly #known: TableReader;
  readonly #byNamespace = new Map<string, Map<string, PodIdentity>>();
  readonly #namespaceOf = new Map<string, string>();
  #imported = new Map<string, Imported>();
  /** Of an earlier life, until the first look. */
  #found: (readonly [Parameters<TenantSharesMap['delete']>[0], number])[] | undefined;
  /** Written into the kernel. */
  readonly #written = new Set<string>();
  /** They find no room there; tried again with every look. */
  readonly #lacking = new Map<string, Share>();
  #problem: string | undefined;
  /** Somebody else has written: everything is compared anew, and rows that nobody says go. */
  #isUnsure = false;
  #dirty: Set<string> | 'all' = 'all';
  #apiServers: readonly SharedEnd[] = [];

  constructor(options: SharesOptions) {
    this.#o = options;
    this.#tenants = options.intent.tenants.reader();
    this.#services = options.intent.services.reader();
    this.#known = options.numbers.known.reader();
  }

  /** Reads what an earlier life left. */
  async load(): Promise<void> {
    this.#found = (await this.#o.map.entries()).map(([key, { until }]) => [key, until]);
  }

  /** What of a tenant's imports does not hold, and why. */
  problemsOf(tenant: string): readonly string[] {
    const own = this.#imported.get(tenant)?.problems ?? [];
    return this.#problem === undefined ? own : [...own, this.#problem];
  }

  countOf(tenant: string): number {
    return this.#imported.get(tenant)?.shares.size ?? 0;
  }

  /** All that both sides say and that is not over. */
  *all(): Generator<Share> {
    for (const { shares } of this.#imported.values()) yield* shares.values();
  }

  /** Rows in the kernel. */
  get size(): number {
    return this.#written.size;
  }

  /** What is exported and imported and does not hold, for want of room. */
  get lacking(): number {
    return this.#lacking.size;
  }

  /** Both tenants let the one open to the other, there, and the kernel knows it. */
  has(key: ShareKey): boolean {
    return this.#written.has(shareKey(key));
  }

  /** When the next one is over, ms since the epoch. */
  get nextEnd(): number | undefined {
    const next = this.#imported.values().reduce((least, { nextEnd }) => Math.min(least, nextEnd), Infinity);
    return next === Infinity ? undefined : next;
  }

  /** Looks for what somebody else has written into the kernel; the next `follow` puts it right. */
  async doubt(now: number): Promise<void> {
    const found = await this.#o.map.entries();
    if (this.#compare(found, now).length === 0) return;
    this.#found = found.map(([key, { until }]) => [key, until]);
    this.#isUnsure = true;
    this.#dirty = 'all';
  }

  /** Where the kernel says otherwise than exports and imports, as they were followed last. */
  async differences(now: number): Promise<string[]> {
    return this.#compare(await this.#o.map.entries(), now);
  }

  #compare(found: Awaited<ReturnType<TenantSharesMap['entries']>>, now: number): string[] {
    // Until the first look what an earlier life left holds.
    if (this.#found !== undefined) return [];
    const wanted = this.#imported.values().flatMap(({ shares }) => shares.values());
    const ends = new Map(
      wanted
        .filter((share) => this.#written.has(shareKey(share)))
        .map((share) => [keyText(rowKey(share)), untilOf(share, now)]),
    );
    const wrong = found.filter(([key, { until }]) => {
      const end = ends.get(keyText(key));
      return end === undefined || !isNoSooner(end, until);
    });
    const missing = ends.size - (found.length - wrong.length);
    return [
      ...wrong.map(
        ([{ opener, responder, port }]) =>
          `the kernel lets identity ${opener} open port ${port} of identity ${responder}, which no export and import say`,
      ),
      ...(missing > 0
        ? [`${missing} rows of what is exported and imported are not in the kernel as they should be`]
        : []),
    ];
  }

  /**
   * Brings the kernel there. `before` is called first when something is taken away that connections may be by; returns
   * whether it was: then verdicts are to be taken anew.
   */
  follow(membership: Membership, now: number, before: () => void): boolean {
    // Rows of an earlier life hold until it is known what there is.
    if (!this.#o.intent.services.synced) return false;
    this.#touch(membership, now);
    const dirty =
      this.#dirty === 'all' ? new Set([...membership.tenants.keys(), ...this.#imported.keys()]) : this.#dirty;
    this.#dirty = new Set();
    if (this.#isUnsure) {
      this.#written.clear();
      this.#lacking.clear();
    }
    const added: Share[] = [];
    const removed: Share[] = [];
    for (const name of dirty) {
      const former = (this.#isUnsure ? undefined : this.#imported.get(name)?.shares) ?? NOTHING;
      const imported = this.#importedBy(name, membership, now);
      if (imported === undefined) this.#imported.delete(name);
      else this.#imported.set(name, imported);
      const shares = imported?.shares ?? NOTHING;
      for (const [key, share] of former) if (!shares.has(key)) removed.push(share);
      for (const [key, share] of shares)
        if (former.get(key)?.expires !== share.expires || !former.has(key)) added.push(share);
    }
    this.#isUnsure = false;
    const left = this.#takeFound(added, now);
    const ends = removed.some(({ opener, responder }) => this.#isKnown(opener) && this.#isKnown(responder));
    const sooner = left.length > 0;
    if (ends || sooner) before();
    for (const share of removed) this.#remove(share);
    for (const key of left) this.#o.map.delete(key);
    this.#write(added, now);
    return ends || sooner;
  }

  /** Who is to be looked at again. */
  #touch(membership: Membership, now: number): void {
    const apiServers = this.#o.apiServers();
    if (this.#tenants.drain().size > 0 || apiServers !== this.#apiServers) this.#dirty = 'all';
    this.#apiServers = apiServers;
    const namespaces = new Set<string>();
    for (const text of this.#known.drain()) this.#followIdentity(text, namespaces);
    const services = this.#services.drain();
    if (this.#dirty === 'all') return;
    const dirty = this.#dirty;
    for (const namespace of namespaces) {
      const owner = membership.of(namespace);
      if (owner.state === 'tenant') dirty.add(owner.tenant.name);
    }
    for (const [tenant, imported] of this.#imported) {
      const concerns = (key: NamespacedName): boolean => services.has(key) || namespaces.has(nameParts(key).namespace);
      if (imported.nextEnd <= now || Array.from(imported.services).some(concerns)) dirty.add(tenant);
    }
  }

  #followIdentity(text: string, namespaces: Set<string>): void {
    const identity = this.#o.numbers.known.get(text);
    const former = this.#namespaceOf.get(text);
    if (former !== undefined) {
      namespaces.add(former);
      this.#byNamespace.get(former)?.delete(text);
      this.#namespaceOf.delete(text);
    }
    if (identity === undefined) return;
    const { namespace } = identity.workload;
    namespaces.add(namespace);
    this.#namespaceOf.set(text, namespace);
    const own = this.#byNamespace.get(namespace) ?? new Map<string, PodIdentity>();
    own.set(text, identity);
    this.#byNamespace.set(namespace, own);
  }

  #importedBy(name: string, membership: Membership, now: number): Imported | undefined {
    const tenant = membership.tenants.get(name);
    if (tenant === undefined) return undefined;
    return importedBy(tenant, {
      membership,
      service: (key) => this.#o.intent.services.get(key),
      identitiesOf: (namespace) => this.#byNamespace.get(namespace)?.values() ?? [],
      namespacesOf: (wanted) =>
        this.#byNamespace.keys().filter((namespace) => {
          const owner = membership.of(namespace);
          return owner.state === 'tenant' && owner.tenant.name === wanted;
        }),
      systemServices: this.#o.systemServices,
      apiServers: this.#apiServers,
      now,
    });
  }

  /** Rows of an earlier life that are not wanted, or not for so long. */
  #takeFound(wanted: readonly Share[], now: number) {
    const found = this.#found ?? [];
    this.#found = undefined;
    if (found.length === 0) return [];
    const ends = new Map(wanted.map((share) => [keyText(rowKey(share)), untilOf(share, now)]));
    return found.flatMap(([key, until]) => {
      const end = ends.get(keyText(key));
      return end !== undefined && isNoSooner(end, until) ? [] : [key];
    });
  }

  /** Of pods that are gone nobody has a connection; API servers are no pods. */
  #isKnown(id: Share['opener']): boolean {
    return !isPodNumber(id) || this.#o.numbers.get(id) !== undefined;
  }

  #remove(share: Share): void {
    this.#o.map.delete(rowKey(share));
    this.#written.delete(shareKey(share));
    this.#lacking.delete(shareKey(share));
  }

  /** What finds no room does not hold, until there is some. */
  #write(added: readonly Share[], now: number): void {
    for (const share of added) this.#lacking.set(shareKey(share), share);
    this.#problem = undefined;
    for (const [key, share] of this.#lacking) {
      try {
        this.#o.map.set(rowKey(share), { until: untilOf(share, now) });
        this.#written.add(key);
        this.#lacking.delete(key);
      } catch (error) {
        if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
        this.#problem = error.message;
        return;
      }
    }
  }
}

/** In the clock of the kernel; 0: without an end. */
function untilOf({ expires }: Share, now: number): number {
  return expires === undefined ? 0 : Math.max(1, monotonicTick() + Math.floor((expires - now) / TICK_MS));
}

function isNoSooner(end: number, until: number): boolean {
  return end === 0 || (until !== 0 && end >= until - SAME_TICKS);
}
