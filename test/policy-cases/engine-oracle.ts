import { explain, type Party } from '../../src/policy/index.ts';
import { checkpoints, type Engine } from './engine.ts';
import { workloadOf } from './workload.ts';
import type { Flow, Place, World } from './world.ts';

/** Asks the oracle about the pods as they are; knows nothing of identities and tables. */
export class OracleEngine implements Engine {
  readonly name = 'oracle';
  #world: World | undefined;

  async setUp(world: World): Promise<void> {
    this.#world = world;
  }

  async verdict(flow: Flow) {
    return this.judge(flow);
  }

  judge(flow: Flow): { verdict: 'allow' | 'deny'; why: string } {
    const world = this.#world;
    if (world === undefined) throw new Error('setUp first');
    const entries = [...world.policies.values()].flat();
    for (const direction of checkpoints(flow)) {
      const [own, other] = direction === 'egress' ? [flow.from, flow.to] : [flow.to, flow.from];
      if (own.kind !== 'pod') continue;
      const subject = workloadOf(own.pod, world);
      const peer = party(other, own.pod.node, world);
      const { verdict, text } = explain(entries, world.settings, { ...flow, subject, direction, peer });
      if (verdict === 'deny') return { verdict, why: `${direction}: ${text}` };
    }
    return { verdict: 'allow', why: 'both ends allow it' };
  }

  async close(): Promise<void> {
    this.#world = undefined;
  }
}

function party(place: Place, localNode: string, world: World): Party {
  switch (place.kind) {
    case 'pod':
      return { kind: 'pod', workload: workloadOf(place.pod, world), addr: place.addr };
    case 'node': {
      const { name, apiserver } = place.node;
      const role = name === localNode ? 'host' : apiserver ? 'kube-apiserver' : 'remote-node';
      return { kind: 'node', role, addr: place.addr };
    }
    case 'world':
      return { kind: 'world', addr: place.addr };
  }
}
