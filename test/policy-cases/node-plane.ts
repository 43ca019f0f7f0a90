import { namespacedName } from '../../src/base/index.ts';
import { FakeClock } from '../../src/base/testkit.ts';
import { OtherNodes } from '../../src/cluster/others-testkit.ts';
import type { EndpointWords } from '../../src/datapath/index.ts';
import { type EndpointRecord, hostIfnameOf, podMacOf } from '../../src/endpoint/index.ts';
import { type EndpointId, ifindex, type NodeRow, type SliceSpec } from '../../src/model/index.ts';
import type { Addr } from '../../src/net/index.ts';
import { openPlane, type Plane, type PlaneOptions } from '../../src/plane/index.ts';
import { type FakeKernel, fakePlaneOptions, settlePlane } from '../../src/plane/testkit.ts';
import { ENTRIES, entriesRow } from './entries-kind.ts';
import { TableFeed } from './table-feed.ts';
import { podKey, type World, type WorldPod } from './world.ts';
import { apiServerSliceOf, namespaceRowOf, nodeRowOf, podRowOf } from './world-rows.ts';

export type NodePlaneOptions = {
  readonly node: string;
  /** The numbering, and the maps where no others are named. */
  readonly kernel: FakeKernel;
  readonly maps?: Pick<PlaneOptions, 'maps' | 'ipcacheRows'>;
  /** The endpoint that has this address, whosever it is. */
  readonly endpointAt: (addr: Addr) => EndpointId;
  /** Pods of all nodes are taken for this node's. */
  readonly allPods: boolean;
  /** Goes on from one plane of the node to the next; its own where there is one plane only. */
  readonly clock?: FakeClock;
};

/**
 * Longer than anything rests. A world is judged as it is when that is over: what it took away is not nobody's any more, as an
 * address or a number of a pod that went is for a while whatever policies say, but whose the world says it is.
 */
const REST_MS = 3_600_000;

/** The plane of a node, brought from one world to the next as an agent's is: by rows of objects, and pods that come and go. */
export class NodePlane {
  readonly plane: Plane;
  readonly #o: NodePlaneOptions;
  readonly #clock: FakeClock;
  readonly #feeds;
  readonly #others: OtherNodes;
  readonly #words: EndpointWords;
  readonly #records = new Map<string, EndpointRecord>();

  private constructor(plane: Plane, options: NodePlaneOptions, clock: FakeClock) {
    this.plane = plane;
    this.#o = options;
    this.#clock = clock;
    const { pods, namespaces, nodes, policies, slices, tenants, services } = plane.intent;
    this.#others = new OtherNodes({
      intent: plane.intent,
      allocator: options.kernel.cluster.join('others', clock),
      selected: plane.repository.selectedLabels,
    });
    this.#feeds = {
      pods: new TableFeed(pods),
      others: new TableFeed(this.#others.pods),
      namespaces: new TableFeed(namespaces),
      nodes: new TableFeed(nodes),
      slices: new TableFeed(slices),
      policies: new TableFeed(policies),
      tenants: new TableFeed(tenants),
      services: new TableFeed(services),
    };
    this.#words = (options.maps?.maps ?? options.kernel).words;
  }

  /** On what an earlier plane left in the maps. */
  static async open(world: World, options: NodePlaneOptions): Promise<NodePlane> {
    const { settings, nodes } = world;
    const { node, kernel, maps, clock = new FakeClock(1_000_000) } = options;
    const { enforcement, allowLocalhost, cidrSelects } = settings;
    const plane = await openPlane({
      ...fakePlaneOptions(kernel, clock),
      ...maps,
      nodeName: node,
      nodeAddresses: () => nodes.find(({ name }) => name === node)?.addrs ?? [],
      policy: { enforcement, allowLocalhost },
      cidrSelects,
      kinds: [ENTRIES],
      ...(world.tenancy === undefined ? {} : { tenancy: world.tenancy.settings }),
    });
    await plane.engine.open();
    return new NodePlane(plane, options, clock);
  }

  async follow(world: World): Promise<void> {
    const { node, kernel, allPods } = this.#o;
    const feeds = this.#feeds;
    await this.#clock.advance(REST_MS);
    const isOther = feeds.nodes.bring(
      world.nodes.map((own) => [own.name, JSON.stringify(nodeRowOf(own, world.pods))]),
      (text) => JSON.parse(text) as NodeRow,
    );
    feeds.slices.bring(
      [['default/kubernetes', JSON.stringify(apiServerSliceOf(world.nodes))]],
      (text) => JSON.parse(text) as SliceSpec,
    );
    feeds.namespaces.bring(world.namespaces, (labels, name) => namespaceRowOf(name, labels));
    const { own = [], others = [] } = Object.groupBy(world.pods, (pod) =>
      allPods || pod.node === node ? 'own' : 'others',
    );
    feeds.pods.bring(
      own.map((pod) => [podKey(pod), pod]),
      (pod) => podRowOf(pod, node),
    );
    feeds.others.bring(
      others.map((pod) => [podKey(pod), pod]),
      (pod) => podRowOf(pod),
    );
    feeds.policies.bring(world.policies, (entries, key) => entriesRow(key, entries));
    this.#connect(world.pods.filter((pod) => allPods || pod.node === node));
    const { engine, intent } = this.plane;
    intent.nodeSlices.apply({ upserts: [], deletes: [], synced: true });
    this.#say(world);
    await settlePlane(kernel, this.plane, this.#others);
    if (isOther) {
      await this.#clock.advance(REST_MS);
      await settlePlane(kernel, this.plane, this.#others);
    }
    const { problem } = engine;
    if (problem !== undefined) throw new Error(`the plane of ${node}: ${problem}`);
    this.#expectInForce();
  }

  /** To a world in which only tenants and their Services are others, past the engine: at once, and at the price of that. */
  followTenancy(world: World): void {
    const { floor, shares } = this.plane;
    this.#say(world);
    floor.follow(() => undefined);
    shares.follow(floor.membership, this.#clock.now(), () => undefined);
  }

  #say({ tenancy }: World): void {
    const { tenants = [], services = [] } = tenancy ?? {};
    this.#feeds.tenants.bring(
      tenants.map((tenant) => [tenant.name, tenant]),
      (tenant) => tenant,
    );
    this.#feeds.services.bring(
      services.map((service) => [namespacedName(service), service]),
      (service) => service,
    );
  }

  /** What is not in force is judged otherwise than policies say, and rightly so: not what cases are about. */
  #expectInForce(): void {
    const { lacking } = this.plane.shares;
    if (lacking > 0) throw new Error(`the plane of ${this.#o.node}: ${lacking} exports that are imported find no room`);
    for (const [id, { states }] of this.plane.installer.entries()) {
      for (const { inForce, problem, missing } of Object.values(states)) {
        if (inForce === 'wanted' && problem === undefined && missing.size === 0) continue;
        const why = problem === undefined ? inForce : problem.message;
        throw new Error(`the plane of ${this.#o.node}: not in force for identity ${id}: ${why}`, { cause: problem });
      }
    }
  }

  async close(): Promise<void> {
    for (const { id } of this.#records.values()) this.#words.clear(id);
    await this.plane.engine.stop();
  }

  /** An endpoint has one address: a pod with one of each family has two. */
  #connect(pods: readonly WorldPod[]): void {
    const { endpoints } = this.plane;
    const words = this.#words;
    const wanted = new Map<string, readonly [WorldPod, Addr]>(
      pods.flatMap((pod) => pod.addrs.map((addr) => [`${podKey(pod)} ${addr}`, [pod, addr] as const] as const)),
    );
    for (const [key, { id }] of this.#records) {
      if (wanted.has(key)) continue;
      words.clear(id);
      endpoints.remove(id);
      this.#records.delete(key);
    }
    for (const [key, [pod, addr]] of wanted) {
      if (this.#records.has(key)) continue;
      const record = recordOf(pod, addr, this.#o.endpointAt(addr));
      this.#records.set(key, record);
      endpoints.add(record, 'creating');
      endpoints.transition(record.id, { type: 'connected' });
    }
  }
}

function recordOf(pod: WorldPod, addr: Addr, id: EndpointId): EndpointRecord {
  return {
    id,
    attachment: { containerId: `${podKey(pod)} ${addr}`, ifname: 'eth0' },
    pod: { namespace: pod.namespace, name: pod.name, uid: podRowOf(pod).uid },
    netns: '/run/netns/none',
    addr,
    mac: podMacOf(addr),
    hostIfname: hostIfnameOf(id),
    hostIfindex: ifindexOf(id),
    mtu: 1500,
    phase: 'complete',
    createdAt: 0,
  };
}

export const ifindexOf = (id: EndpointId) => ifindex(1_000 + id);
