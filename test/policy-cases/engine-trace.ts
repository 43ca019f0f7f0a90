import { trace } from '../../src/agent/admin/trace.ts';
import type { TraceContext } from '../../src/agent/admin/trace-ends.ts';
import { endpointId, type Frontend, frontendKey } from '../../src/model/index.ts';
import { type Addr, addrFamily, PROTOCOL_NUMBERS, type Protocol } from '../../src/net/index.ts';
import { FakeKernel } from '../../src/plane/testkit.ts';
import { sampleFrontend, sampleName } from '../../src/service/samples.ts';
import { checkpoints, type Engine } from './engine.ts';
import { NodePlane } from './node-plane.ts';
import { type Flow, frontendAddr, type World } from './world.ts';

/** What `membrane policy trace` says, asked at the node that judges. The pods of all nodes are its own, as in the kernel. */
export class TraceEngine implements Engine {
  readonly name = 'trace';
  readonly #nodes = new Map<string, NodePlane>();
  #world: World | undefined;

  async setUp(world: World): Promise<void> {
    this.#world = world;
    for (const name of new Set([...this.#nodes.keys(), ...world.pods.map(({ node }) => node)])) {
      const own = this.#nodes.get(name) ?? (await this.#open(name, world));
      this.#nodes.set(name, own);
      await own.follow(world);
    }
  }

  async #open(node: string, world: World): Promise<NodePlane> {
    const ids = new Map<Addr, number>();
    const endpointAt = (addr: Addr) => {
      const id = ids.get(addr) ?? ids.size + 1;
      ids.set(addr, id);
      return endpointId(id);
    };
    return await NodePlane.open(world, { node, kernel: new FakeKernel(), endpointAt, allPods: true });
  }

  async verdict(flow: Flow) {
    if (checkpoints(flow).length === 0 && flow.frontend === undefined) {
      return { verdict: 'allow', why: 'not on the wire' } as const;
    }
    const pod = flow.from.kind === 'pod' ? flow.from.pod : flow.to.kind === 'pod' ? flow.to.pod : undefined;
    const own = this.#nodes.get(pod?.node ?? '');
    if (pod === undefined || own === undefined || this.#world === undefined) throw new Error('setUp first');
    const asked = flow.frontend ?? { addr: flow.to.addr, port: flow.port };
    const protocol = protocolOf(flow);
    const { verdict, steps } = trace(
      { from: flow.from.addr, to: asked.addr, protocol, ...(protocol === 'ICMP' ? {} : { port: asked.port }) },
      {
        ...traceContextOf(own, pod.node, this.#world),
        serviceAt: (place) => served(flow).find((frontend) => frontendKey(frontend) === place),
      },
    );
    const why = steps.map(({ reason }) => reason).join('; ');
    if (flow.frontend !== undefined && steps[0]?.service === undefined)
      throw new Error(`no step for the service: ${why}`);
    return { verdict: verdict === 'allowed' ? 'allow' : 'deny', why } as const;
  }

  async close(): Promise<void> {
    for (const plane of this.#nodes.values()) await plane.close();
    this.#nodes.clear();
  }
}

/** What the agent of that node would ask. */
export function traceContextOf({ plane }: NodePlane, nodeName: string, world: World): TraceContext {
  const { identities, book, elsewhere } = plane.cluster;
  return {
    ...plane,
    identities,
    book,
    elsewhere,
    nodeName,
    overlay: false,
    // Pods of other nodes are reached.
    native: true,
    nodeAddresses: () => world.nodes.find(({ name }) => name === nodeName)?.addrs ?? [],
    serviceAt: () => undefined,
  };
}

/** A trace asks for an echo, as the flows of cases do. */
function protocolOf({ protocol, to }: Flow): Protocol & ('TCP' | 'UDP' | 'SCTP' | 'ICMP') {
  switch (protocol) {
    case PROTOCOL_NUMBERS.TCP:
      return 'TCP';
    case PROTOCOL_NUMBERS.UDP:
      return 'UDP';
    case PROTOCOL_NUMBERS.SCTP:
      return 'SCTP';
    default:
      if (protocol !== PROTOCOL_NUMBERS.ICMP || addrFamily(to.addr) !== 4) throw new Error(`no trace of ${protocol}`);
      return 'ICMP';
  }
}

function served({ to, port, protocol, frontend }: Flow): Frontend[] {
  if (frontend === undefined) return [];
  const name = protocol === PROTOCOL_NUMBERS.UDP ? 'UDP' : protocol === PROTOCOL_NUMBERS.SCTP ? 'SCTP' : 'TCP';
  const backend = { addr: to.addr, port, protocol: name, state: 'ready', pod: '', local: true } as const;
  const place = { kind: frontend.kind, addr: frontendAddr(frontend), port: frontend.port, protocol: name } as const;
  return [sampleFrontend([backend], { ...place, service: sampleName('shop/any') })];
}
