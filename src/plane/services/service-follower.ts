import { setImmediate as nextTurn } from 'node:timers/promises';
import { type NamespacedName, nameParts, namespacedName } from '../../base/index.ts';
import { HostPods, type Intent } from '../../cluster/index.ts';
import {
  type Frontend,
  frontendKey,
  type ServiceProblem,
  type ServiceSpec,
  type SliceSpec,
} from '../../model/index.ts';
import type { Addr } from '../../net/index.ts';
import {
  type DesiredService,
  FrontendClaims,
  frontendsOf,
  type HostPortContext,
  hostPortsOf,
  type KnownPlaces,
  keepKnown,
  knownAddresses,
  type MaglevSize,
  placesOf,
  rowsOf,
  type ServiceContext,
  type ServiceRows,
  type ServiceShares,
} from '../../service/index.ts';
import type { TableReader } from '../../table/index.ts';
import type { HostPortPods } from './host-port-pods.ts';

export type ServiceFollowerOptions = {
  readonly intent: Intent;
  readonly nodeName: string;
  /** IPv4 addresses of the node's devices now. */
  readonly nodeAddresses: () => readonly Addr[];
  readonly addressRanges: ServiceContext['addressRanges'];
  readonly nodePorts: ServiceContext['nodePorts'];
  readonly hostPorts: HostPortPods;
  readonly shares: ServiceShares;
  readonly maglevSize: MaglevSize | undefined;
};

/** `rows`: what would fit it; undefined: nothing does, it is too large by itself. */
type Refused = { readonly problem: ServiceProblem; readonly rows: ServiceRows | undefined };

/** Services that are judged before others get a turn: some 20 ms. */
const AT_ONCE = 512;
const ZONE = 'topology.kubernetes.io/zone';

/** Which frontends every service has, kept up with what the API says at the price of what changed. */
export class ServiceFollower {
  readonly #o: ServiceFollowerOptions;
  readonly #reader: { readonly services: TableReader<NamespacedName>; readonly slices: TableReader<NamespacedName> };
  readonly #claims = new FrontendClaims();
  readonly #desired = new Map<NamespacedName, readonly Frontend[]>();
  readonly #problems = new Map<NamespacedName, readonly ServiceProblem[]>();
  /** Slice -> service, and back: most have one, and a set costs as much as the rest of a service's entry. */
  readonly #serviceOf = new Map<NamespacedName, NamespacedName>();
  readonly #slicesOf = new Map<NamespacedName, NamespacedName | Set<NamespacedName>>();
  readonly #hostPods: HostPods;
  /** Services to look at, whatever changed. */
  #outdated = new Set<NamespacedName>();
  /** Services that got less than they want, with what they want. */
  readonly #refused = new Map<NamespacedName, Refused>();
  #nodes = new Set<string>();
  #zone = '';

  constructor(options: ServiceFollowerOptions) {
    this.#o = options;
    const { services, slices } = options.intent;
    this.#reader = { services: services.reader(), slices: slices.reader() };
    this.#hostPods = new HostPods(options.intent);
  }

  /** What is wrong with a service's own objects, and what others have that it wants. */
  problemsOf(service: NamespacedName): readonly ServiceProblem[] {
    const refused = this.#refused.get(service);
    return [
      ...(this.#problems.get(service) ?? []),
      ...this.#claims.problems(service),
      ...(refused === undefined ? [] : [refused.problem]),
    ];
  }

  /** Services that have less than they want, since it is more than their share, and why. */
  get refused(): ReadonlyMap<NamespacedName, { readonly problem: ServiceProblem }> {
    return this.#refused;
  }

  /** Looks again at what was refused and would fit since others gave back; whether there is such a service. */
  retryRefused(): boolean {
    let found = false;
    if (!this.#o.shares.takeFreed()) return false;
    for (const [service, { rows }] of this.#refused) {
      if (rows === undefined || this.#o.shares.refuses(service, rows) !== undefined) continue;
      this.#outdated.add(service);
      found = true;
    }
    return found;
  }

  /** All frontends that it wants and may have, those of others among them. */
  frontendsOf(service: NamespacedName): readonly Frontend[] {
    return this.#desired.get(service) ?? [];
  }

  /** Whoever has frontends, or wants some: services, and pods that want ports of the node. */
  owners(): NamespacedName[] {
    return [...this.#o.intent.services.rows.keys(), ...this.#o.hostPorts.rows.keys()];
  }

  /** What is decided of it, and what that is decided of: other objects as soon as any of it changes. */
  objectsOf(key: NamespacedName): readonly unknown[] {
    const { intent, hostPorts } = this.#o;
    const object = intent.services.get(key) ?? hostPorts.rows.get(key);
    const decided = this.#desired.get(key);
    return [object, decided, ...this.#slices(key)].filter((one) => one !== undefined);
  }

  /**
   * Its frontends, decided anew from its objects: of what was decided before only who has which place, and that pods share
   * an address of a node. What is held back for want of room is as it was decided, and so is what a pod wants.
   */
  decidedAnew(key: NamespacedName): readonly Frontend[] {
    const service = this.#o.intent.services.get(key);
    if (service === undefined || this.#refused.has(key)) return this.#won(key);
    const context = this.#context();
    const known = (addr: Addr): boolean => knownAddresses(placesOf(this.#desired.get(key) ?? [])).has(addr);
    const isHostPod: ServiceContext['isHostPod'] = (pod, addr) => context.isHostPod(pod, addr) || known(addr);
    const { frontends } = frontendsOf(service, this.#slices(key), { ...context, isHostPod });
    return frontends.filter((frontend) => this.#claims.has(frontend));
  }

  /** Who serves the place. */
  at(place: string): Frontend | undefined {
    return this.#claims.winner(place);
  }

  /** False: another service has the place. */
  isWon(frontend: Frontend, place: string): boolean {
    return this.#claims.has(frontend, place);
  }

  /** Nodes, addresses of this node or pods in host networks changed: judges anew whom that concerns. */
  refresh(): void {
    const { intent, nodeName, nodeAddresses } = this.#o;
    const nodes = new Set<string>(nodeAddresses());
    for (const { addresses } of intent.nodes.rows.values()) for (const addr of addresses) nodes.add(addr);
    const zone = intent.nodes.get(namespacedName({ name: nodeName }))?.labels[ZONE] ?? '';
    const changed = nodes.symmetricDifference(this.#nodes);
    if (zone !== this.#zone) for (const key of intent.services.rows.keys()) this.#outdated.add(key);
    else if (changed.size > 0) this.#touchThoseWith(changed);
    this.#nodes = nodes;
    this.#zone = zone;
    for (const owner of this.#o.hostPorts.refresh()) this.#outdated.add(owner);
    this.#touchRefused();
  }

  /** A backend may be a pod in a host network by now. */
  #touchRefused(): void {
    for (const [service, problems] of this.#problems) {
      if (problems.some(({ reason }) => reason === 'EndpointRefused')) this.#outdated.add(service);
    }
  }

  /** Whether other pods are in the host networks of other nodes now. */
  lookAtHostPods(): boolean {
    const isOther = this.#hostPods.follow();
    if (isOther) this.#touchRefused();
    return isOther;
  }

  /** Whether processes of the node have taken or given back what pods want. */
  lookAtSockets(): boolean {
    const owners = this.#o.hostPorts.takenOrFreed();
    for (const owner of owners) this.#outdated.add(owner);
    return owners.length > 0;
  }

  #touchThoseWith(addresses: ReadonlySet<string>): void {
    const { services, slices } = this.#o.intent;
    for (const [key, { clusterIPs }] of services.rows) {
      if (clusterIPs.some((addr) => addresses.has(addr))) this.#outdated.add(key);
    }
    for (const [key, { endpoints }] of slices.rows) {
      const service = this.#serviceOf.get(key);
      if (service !== undefined && endpoints.some(({ address }) => addresses.has(address))) this.#outdated.add(service);
    }
  }

  /**
   * Services whose frontends may have changed since the last call, with those that they have now. One call at a time;
   * what changes meanwhile belongs to the next, and so does what `rests`: a large service that flaps must not cost more
   * to look at than it may cost to write.
   */
  async follow(
    rests: (service: NamespacedName) => boolean = () => false,
  ): Promise<Map<NamespacedName, readonly Frontend[]>> {
    this.lookAtHostPods();
    const dirty = this.#outdated;
    this.#outdated = new Set();
    for (const key of this.#reader.services.drain()) dirty.add(key);
    for (const key of this.#reader.slices.drain()) for (const service of this.#link(key)) dirty.add(service);
    const context = { ...this.#context(), hostPorts: this.#o.hostPorts.context(dirty) };
    const affected = new Set<NamespacedName>();
    let judged = 0;
    for (const key of this.#inOrder(dirty)) {
      if (rests(key)) {
        this.#outdated.add(key);
        continue;
      }
      for (const service of this.#judge(key, context)) affected.add(service);
      judged += 1;
      if (judged % AT_ONCE === 0) await nextTurn();
    }
    return new Map(Array.from(affected, (key) => [key, this.#won(key)]));
  }

  /** It changed, and was not looked at since. */
  isOutdated(service: NamespacedName): boolean {
    return this.#outdated.has(service);
  }

  /** Says that a service must be among the next ones. */
  touch(service: NamespacedName): void {
    this.#outdated.add(service);
  }

  /** What goes first, since it makes room and needs none; then the older, so that every node and life decides alike. */
  #inOrder(dirty: ReadonlySet<NamespacedName>): NamespacedName[] {
    const { services } = this.#o.intent;
    const age = (key: NamespacedName): string => {
      const found = services.get(key) ?? this.#o.hostPorts.rows.get(key);
      return found === undefined ? '' : found.createdAt || '~';
    };
    const keyed = Array.from(dirty, (key) => [age(key), key] as const);
    return keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, key]) => key);
  }

  #context(): ServiceContext {
    const { intent, nodeName, addressRanges, nodePorts, shares } = this.#o;
    const nodes = this.#nodes;
    return {
      nodeName,
      zone: this.#zone,
      isNodeAddress: (addr) => nodes.has(addr),
      isHostPod: (key, addr) => {
        const pod = intent.pods.get(key);
        const isHere = pod?.hostNetwork === true && (pod.podIPs.includes(addr) || pod.hostIP === addr);
        return isHere || this.#hostPods.has(key, addr);
      },
      addressRanges,
      most: { frontends: shares.mostOfService('services'), backends: shares.mostOfService('backends') },
      nodePorts,
    };
  }

  /** Services that the slice belonged to and belongs to. */
  #link(key: NamespacedName): NamespacedName[] {
    const slice = this.#o.intent.slices.get(key);
    const before = this.#serviceOf.get(key);
    const now =
      slice === undefined || slice.service === ''
        ? undefined
        : namespacedName({ namespace: slice.namespace, name: slice.service });
    if (before !== now && before !== undefined) {
      const slices = this.#slicesOf.get(before);
      if (typeof slices === 'object') slices.delete(key);
      if (slices === key || (typeof slices === 'object' && slices.size === 0)) this.#slicesOf.delete(before);
    }
    if (now === undefined) this.#serviceOf.delete(key);
    else {
      this.#serviceOf.set(key, now);
      const slices = this.#slicesOf.get(now);
      if (slices === undefined) this.#slicesOf.set(now, key);
      else if (typeof slices === 'object') slices.add(key);
      else if (slices !== key) this.#slicesOf.set(now, new Set([slices, key]));
    }
    return [before, now].filter((service) => service !== undefined);
  }

  /** Itself, and those that it takes a frontend from or gives one to. */
  #judge(key: NamespacedName, context: JudgeContext): Set<NamespacedName> {
    const service = this.#o.intent.services.get(key) ?? this.#o.hostPorts.rows.get(key);
    const affected = new Set([key]);
    if (service === undefined && !this.#desired.has(key)) return affected;
    const { frontends, problems } = service === undefined ? this.#gone(key) : this.#admitted(key, context);
    const touched = this.#claims.replace(service ?? nobody(key), frontends);
    for (const place of touched) for (const claimant of this.#claims.claimants(place)) affected.add(claimant);
    if (service === undefined) this.#desired.delete(key);
    else this.#desired.set(key, frontends);
    if (problems.length === 0) this.#problems.delete(key);
    else this.#problems.set(key, problems);
    return affected;
  }

  #gone(key: NamespacedName): Desired {
    this.#o.shares.put(key, rowsOf([], undefined));
    this.#refused.delete(key);
    return NOTHING;
  }

  /**
   * What the service wants when it is within its share; else what it had and still wants. An address that left it is
   * never kept: somebody else may have it by now.
   */
  #admitted(key: NamespacedName, context: JudgeContext): Desired {
    const { shares, maglevSize } = this.#o;
    let places: KnownPlaces | undefined;
    const known = (): KnownPlaces => (places ??= placesOf(this.#desired.get(key) ?? []));
    const { frontends, problems, isTooLarge } = this.#wanted(key, context, known);
    const rows = rowsOf(frontends, maglevSize);
    const problem = shares.take(key, rows);
    if (problem === undefined) {
      const reason = problems.find(({ reason: why }) => why === 'ServiceTooLarge');
      if (isTooLarge && reason !== undefined) this.#refused.set(key, { problem: reason, rows: undefined });
      else this.#refused.delete(key);
      return { frontends, problems: problems.filter((one) => one !== this.#refused.get(key)?.problem) };
    }
    this.#refused.set(key, { problem, rows: problem.reason === 'ServiceTooLarge' ? undefined : rows });
    const kept = keepKnown(frontends, known());
    // New frontends without a backend refuse whoever connects, which says more than silence.
    if (shares.take(key, rowsOf(kept, maglevSize)) === undefined) return { frontends: kept, problems };
    const old = kept.filter((frontend) => known().frontends.has(frontendKey(frontend)));
    shares.put(key, rowsOf(old, maglevSize));
    return { frontends: old, problems };
  }

  #wanted(key: NamespacedName, context: JudgeContext, known: () => KnownPlaces): DesiredService {
    const service = this.#o.intent.services.get(key);
    if (service !== undefined) return frontendsOf(service, this.#slices(key), context, known);
    const pod = this.#o.hostPorts.rows.get(key);
    return { ...(pod === undefined ? NOTHING : hostPortsOf(pod, context.hostPorts)), isTooLarge: false };
  }

  #slices(service: NamespacedName): SliceSpec[] {
    const keys = this.#slicesOf.get(service) ?? [];
    const sorted = typeof keys === 'string' ? [keys] : Array.from(keys).toSorted();
    return sorted.flatMap((key) => this.#o.intent.slices.get(key) ?? []);
  }

  #won(key: NamespacedName): readonly Frontend[] {
    const places = this.#claims.placesOf(key);
    const all = this.#desired.get(key) ?? [];
    const won = all.filter((frontend, index) => this.#claims.has(frontend, places[index]));
    return won.length === all.length ? all : won;
  }
}

type JudgeContext = ServiceContext & { readonly hostPorts: HostPortContext };

type Desired = { readonly frontends: readonly Frontend[]; readonly problems: readonly ServiceProblem[] };

const NOTHING: Desired = { frontends: [], problems: [] };

function nobody(key: NamespacedName): Pick<ServiceSpec, 'namespace' | 'name' | 'createdAt' | 'uid'> {
  return { ...nameParts(key), createdAt: '', uid: '' };
}
