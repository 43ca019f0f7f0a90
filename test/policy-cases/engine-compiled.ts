import { PolicyTables, tenantWorldKey } from '../../src/datapath/index.ts';
import { isCidrId, RESERVED_IDS, reservedIdentity } from '../../src/identity/index.ts';
import {
  EMPTY_TABLE,
  type EndpointId,
  endpointId,
  formatOrigin,
  IDENTITY_CLUSTER_MIN,
  type IdentityId,
  identityId,
} from '../../src/model/index.ts';
import { type Addr, Prefix } from '../../src/net/index.ts';
import { FakeKernel } from '../../src/plane/testkit.ts';
import { TableLookup } from '../../src/policy/ask/testkit.ts';
import { judgeRows, type KernelEnd } from '../../src/tenant/testkit.ts';
import { checkpoints, type Engine } from './engine.ts';
import { NodePlane } from './node-plane.ts';
import type { Flow, World } from './world.ts';

/** Looks flows up in what the plane of each node writes into maps, as the kernel does. */
export class CompiledEngine implements Engine {
  readonly name = 'compiled';
  readonly #nodes = new Map<string, CompiledNode>();

  async setUp(world: World): Promise<void> {
    for (const name of new Set(world.pods.map(({ node }) => node))) {
      const node = this.#nodes.get(name) ?? (await CompiledNode.open(name, world));
      this.#nodes.set(name, node);
    }
    for (const node of this.#nodes.values()) await node.follow(world);
  }

  /** To a world in which only tenants and their Services are others. */
  followTenancy(world: World): void {
    for (const node of this.#nodes.values()) node.followTenancy(world);
  }

  async verdict(flow: Flow) {
    return this.judge(flow);
  }

  judge(flow: Flow): { verdict: 'allow' | 'deny'; why: string } {
    for (const direction of checkpoints(flow)) {
      const [own, other] = direction === 'egress' ? [flow.from, flow.to] : [flow.to, flow.from];
      if (own.kind !== 'pod') continue;
      const node = this.#nodes.get(own.pod.node);
      if (node === undefined) throw new Error(`${own.pod.node} is no node with pods`);
      const { identity: peer, cidrIdentity: peerCidr } = node.ownerOf(other.addr);
      const refusal = node.floorRefusal(flow);
      if (refusal !== undefined) return { verdict: 'deny', why: `floor, ${direction}: ${refusal}` };
      const lookup = node.tablesOf(own.addr);
      const { verdict, rule } = lookup.judge({ direction, peer, peerCidr, protocol: flow.protocol, port: flow.port });
      if (verdict === 'deny') {
        const why = `${direction}: ${node.originOf(rule)} denies peer ${peer} (CIDR ${peerCidr})`;
        return { verdict, why };
      }
    }
    return { verdict: 'allow', why: 'both ends allow it' };
  }

  async close(): Promise<void> {
    for (const node of this.#nodes.values()) await node.close();
    this.#nodes.clear();
  }
}

/** More than worlds ever have. */
const NUMBERS = { first: IDENTITY_CLUSTER_MIN, last: 2_047 };

type Owner = Pick<Awaited<ReturnType<FakeKernel['ipcache']['entries']>>[number][1], 'identity' | 'cidrIdentity'>;

class CompiledNode {
  readonly #name: string;
  readonly #kernel: FakeKernel;
  readonly #plane: NodePlane;
  readonly #lookups = new Map<number, TableLookup>();
  #ipcache: ReadonlyMap<string, Owner> = new Map();
  /** Of the prefixes that are in it, the longest first: to ask for all that there may be is most of what a judgement costs. */
  #lengths: readonly number[] = [];

  private constructor(name: string, kernel: FakeKernel, plane: NodePlane) {
    this.#name = name;
    this.#kernel = kernel;
    this.#plane = plane;
  }

  static async open(node: string, world: World): Promise<CompiledNode> {
    const kernel = new FakeKernel(65_536, NUMBERS);
    const ids = new Map<Addr, EndpointId>();
    const endpointAt = (addr: Addr): EndpointId => {
      const id = ids.get(addr) ?? endpointId(ids.size + 1);
      ids.set(addr, id);
      return id;
    };
    return new CompiledNode(node, kernel, await NodePlane.open(world, { node, kernel, endpointAt, allPods: false }));
  }

  async follow(world: World): Promise<void> {
    await this.#plane.follow(world);
    const { ipcache, policy } = this.#kernel;
    const rows = await ipcache.entries();
    this.#ipcache = new Map(rows.map(([prefix, value]) => [prefix.toString(), value]));
    this.#lengths = [...new Set(rows.map(([{ length }]) => length))].toSorted((a, b) => b - a);
    const { tables, revisions } = await new PolicyTables(policy).load();
    this.#lookups.clear();
    for (const [revision, [ingress, egress]] of revisions) {
      const pair = { ingress: tables.get(ingress) ?? EMPTY_TABLE, egress: tables.get(egress) ?? EMPTY_TABLE };
      this.#lookups.set(revision, new TableLookup(pair));
    }
  }

  followTenancy(world: World): void {
    this.#plane.followTenancy(world);
  }

  /** What the kernel's floor says, from whom to whom and where. */
  floorRefusal({ from, to, protocol, port }: Flow): string | undefined {
    const [opener, responder] = [this.ownerOf(from.addr).identity, this.ownerOf(to.addr).identity];
    const share = { opener, responder, port, protocol };
    // When one is over is not asked: the plane has taken it away by then.
    const isShared = (): boolean => this.#kernel.tenantShares.get(share) !== undefined;
    const { tenantWorld } = this.#kernel;
    const isListed = (tenant: bigint, addr: Addr): boolean =>
      tenantWorld.get(tenantWorldKey({ tenant, prefix: Prefix.host(addr) })) !== undefined;
    return judgeRows(this.#endOf(opener, from.addr), this.#endOf(responder, to.addr), isShared, isListed);
  }

  #endOf(identity: IdentityId, addr: Addr): KernelEnd {
    const { tenants } = this.#kernel;
    const reserved = reservedIdentity(identity);
    if (reserved !== undefined) return { reserved: reserved.name, addr };
    if (isCidrId(identity)) return { reserved: 'world', addr };
    return { row: tenants.get(identity) || tenants.get(RESERVED_IDS.unknown) };
  }

  /** The tables that the word of the endpoint at this address names. */
  tablesOf(addr: Addr): TableLookup {
    const local = this.#kernel.endpoints.get(addr);
    const word = local && this.#kernel.words.get(local.endpoint);
    const lookup = word && this.#lookups.get(word.revision);
    if (lookup === undefined) throw new Error(`${addr} on ${this.#name} is closed`);
    return lookup;
  }

  ownerOf(addr: Addr): Owner {
    const local = this.#kernel.endpoints.get(addr);
    if (local !== undefined) {
      const identity = local.endpoint === 0 ? RESERVED_IDS.host : this.#kernel.words.get(local.endpoint)?.identity;
      return { identity: identityId(identity ?? 0), cidrIdentity: local.cidrIdentity };
    }
    const { bits } = Prefix.host(addr);
    for (const length of this.#lengths) {
      if (length > bits) continue;
      const value = this.#ipcache.get(Prefix.of(addr, length).toString());
      if (value !== undefined) return value;
    }
    throw new Error(`the ipcache of ${this.#name} does not know ${addr}`);
  }

  originOf(rule: Parameters<NodePlane['plane']['repository']['rules']['get']>[0]): string {
    const origin = this.#plane.plane.repository.rules.get(rule);
    return origin === undefined ? 'a default' : formatOrigin(origin);
  }

  async close(): Promise<void> {
    await this.#plane.close();
  }
}
