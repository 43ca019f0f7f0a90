import type { IpcacheRow } from '../../src/cluster/index.ts';
import { formatOrigin, type IdentityId } from '../../src/model/index.ts';
import { type Addr, Prefix } from '../../src/net/index.ts';
import { TableLookup } from '../../src/policy/ask/testkit.ts';
import { type DesiredState, DesiredStates } from './desired.ts';
import { checkpoints, type Engine } from './engine.ts';
import { type Flow, podKey, type World } from './world.ts';

/** Looks flows up in the compiled tables and the ipcache, as the kernel does. */
export class CompiledEngine implements Engine {
  readonly name = 'compiled';
  readonly #states = new DesiredStates();
  readonly #lookups = new Map<IdentityId, TableLookup>();
  readonly #ipcaches = new Map<string, ReadonlyMap<string, IpcacheRow>>();
  #state: DesiredState | undefined;

  async setUp(world: World): Promise<void> {
    this.prepare(world);
  }

  prepare(world: World): DesiredState {
    const state = this.#states.next(world);
    this.#state = state;
    this.#lookups.clear();
    this.#ipcaches.clear();
    for (const [id, table] of state.tables) this.#lookups.set(id, new TableLookup(table));
    for (const { name } of world.nodes) this.#ipcaches.set(name, state.ipcache(name));
    return state;
  }

  async verdict(flow: Flow) {
    return this.judge(flow);
  }

  judge(flow: Flow): { verdict: 'allow' | 'deny'; why: string } {
    for (const direction of checkpoints(flow)) {
      const [own, other] = direction === 'egress' ? [flow.from, flow.to] : [flow.to, flow.from];
      if (own.kind !== 'pod') continue;
      const desired = this.#state?.pods.get(podKey(own.pod));
      const lookup = desired && this.#lookups.get(desired.identity.id);
      if (lookup === undefined) throw new Error(`pod ${podKey(own.pod)} has no table`);
      const { identity: peer, cidrIdentity: peerCidr } = this.#owner(own.pod.node, other.addr);
      const { verdict, rule } = lookup.judge({ direction, peer, peerCidr, protocol: flow.protocol, port: flow.port });
      const origin = this.#state?.repository.rules.get(rule);
      const who = origin === undefined ? 'a default' : formatOrigin(origin);
      if (verdict === 'deny') return { verdict, why: `${direction}: ${who} denies peer ${peer} (CIDR ${peerCidr})` };
    }
    return { verdict: 'allow', why: 'both ends allow it' };
  }

  async close(): Promise<void> {
    this.#state = undefined;
  }

  #owner(node: string, addr: Addr): IpcacheRow['value'] {
    const { bits } = Prefix.host(addr);
    for (let length: number = bits; length >= 0; length -= 1) {
      const row = this.#ipcaches.get(node)?.get(Prefix.of(addr, length).toString());
      if (row !== undefined) return row.value;
    }
    throw new Error(`the ipcache of ${node} does not know ${addr}`);
  }
}
