import { PolicyTables } from '../../src/datapath/index.ts';
import { RESERVED_IDS } from '../../src/identity/index.ts';
import { EMPTY_TABLE, type EndpointId, endpointId, formatOrigin, identityId } from '../../src/model/index.ts';
import { type Addr, Prefix } from '../../src/net/index.ts';
import { FakeKernel } from '../../src/plane/testkit.ts';
import { TableLookup } from '../../src/policy/ask/testkit.ts';
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

type Owner = Pick<Awaited<ReturnType<FakeKernel['ipcache']['entries']>>[number][1], 'identity' | 'cidrIdentity'>;

class CompiledNode {
  readonly #name: string;
  readonly #kernel: FakeKernel;
  readonly #plane: NodePlane;
  readonly #lookups = new Map<number, TableLookup>();
  #ipcache: ReadonlyMap<string, Owner> = new Map();

  private constructor(name: string, kernel: FakeKernel, plane: NodePlane) {
    this.#name = name;
    this.#kernel = kernel;
    this.#plane = plane;
  }

  static async open(node: string, world: World): Promise<CompiledNode> {
    const kernel = new FakeKernel(65_536);
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
    this.#ipcache = new Map((await ipcache.entries()).map(([prefix, value]) => [prefix.toString(), value]));
    const { tables, revisions } = await new PolicyTables(policy).load();
    this.#lookups.clear();
    for (const [revision, [ingress, egress]] of revisions) {
      const pair = { ingress: tables.get(ingress) ?? EMPTY_TABLE, egress: tables.get(egress) ?? EMPTY_TABLE };
      this.#lookups.set(revision, new TableLookup(pair));
    }
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
    for (let length: number = bits; length >= 0; length -= 1) {
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
