import type { WhyContext } from '../../src/agent/admin/why.ts';
import { endpointId } from '../../src/model/index.ts';
import type { Addr } from '../../src/net/index.ts';
import { FakeKernel } from '../../src/plane/testkit.ts';
import { NodePlane } from './node-plane.ts';
import type { World } from './world.ts';

const NODE = 'n1';

/** What the agent of a node knows of a world; pods of all nodes are its own. */
export async function open(world: World): Promise<{ readonly plane: NodePlane; readonly context: WhyContext }> {
  const ids = new Map<Addr, number>();
  const endpointAt = (addr: Addr) => {
    const id = ids.get(addr) ?? ids.size + 1;
    ids.set(addr, id);
    return endpointId(id);
  };
  const plane = await NodePlane.open(world, { node: NODE, kernel: new FakeKernel(), endpointAt, allPods: true });
  await plane.follow(world);
  const { cluster, ...parts } = plane.plane;
  const context = {
    ...parts,
    nodeName: NODE,
    overlay: false,
    native: false,
    identities: cluster.identities,
    book: cluster.book,
    elsewhere: cluster.elsewhere,
    nodeAddresses: () => world.nodes.find(({ name }) => name === NODE)?.addrs ?? [],
    serviceAt: () => undefined,
  };
  return { plane, context };
}

/** Every namespace bears its name, as the API server sees to. */
export function named(world: World): World {
  const namespaces = Array.from(world.namespaces, ([name, labels]) => {
    return [name, new Map([...labels, ['kubernetes.io/metadata.name', name]])] as const;
  });
  return { ...world, namespaces: new Map(namespaces) };
}
