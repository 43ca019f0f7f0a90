import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryCase, arbitraryWorld } from '../../../test/policy-cases/arbitrary.ts';
import { checkpoints } from '../../../test/policy-cases/engine.ts';
import { OracleEngine } from '../../../test/policy-cases/engine-oracle.ts';
import { traceContextOf } from '../../../test/policy-cases/engine-trace.ts';
import { NodePlane } from '../../../test/policy-cases/node-plane.ts';
import type { Flow as Connection, Place, World } from '../../../test/policy-cases/world.ts';
import type { ReplayRequest } from '../../api/index.ts';
import { namespaceRow, nodeRow, podRow, policyRow } from '../../cluster/samples.ts';
import { endpointId, type Flow, type FlowEnd, type PolicyEntry, type PolicyKey, policyKey } from '../../model/index.ts';
import { addrFamily, protocolName } from '../../net/index.ts';
import { FAKE_NODE, FakeKernel, fakeNode } from '../../plane/testkit.ts';
import { Proposal, readProposal } from './proposal.ts';
import { Replay, replayed } from './replay.ts';

const OPTIONS = { ipv6: false, networkPolicyOnly: true };

/** Policies of another world instead of some, beside others, and some that go. */
const changes = arbitraryCase(OPTIONS).chain((one) =>
  fc.tuple(fc.noBias(arbitraryWorld(OPTIONS)), fc.infiniteStream(fc.boolean())).map(([other, picks]) => {
    const said = new Map<PolicyKey, readonly PolicyEntry[]>();
    for (const key of one.world.policies.keys()) if (picks.next().value === true) said.set(key, []);
    for (const [key, entries] of other.policies) if (picks.next().value === true) said.set(key, entries);
    const policies = new Map([...one.world.policies, ...said]);
    return { ...one, said, after: { ...one.world, policies } satisfies World };
  }),
);

const placeName = (place: Place): string =>
  place.kind === 'pod' ? `${place.pod.namespace}/${place.pod.name}` : place.addr;

describe('what-if', () => {
  it('says what the cluster does once the change is applied, for pods of this node and of others', async () => {
    let [stops, opens, unjudged] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(changes, async ({ world, flows, said, after }) => {
        const [before, applied] = [new OracleEngine(), new OracleEngine()];
        await before.setUp(world);
        await applied.setUp(after);
        const plane = await NodePlane.open(world, { node: 'n1', kernel: new FakeKernel(), endpointAt, allPods: false });
        await plane.follow(world);
        // Rules of these worlds say of themselves of which object they are.
        const proposal = new Proposal(
          new Map([...said].map(([key, entries]) => [keyOf(world, key, entries), entries])),
        );
        for (const flow of flows) {
          if (!checkpoints(flow).some((direction) => ownOf(flow, direction)?.node === 'n1')) continue;
          const replay = new Replay(proposal, traceContextOf(plane, 'n1', world));
          const was = before.judge(flow).verdict;
          replay.take({ kind: 'flow', flow: recorded(flow, was) });
          const then = applied.judge(flow).verdict;
          const { pairs, past, unjudged: not } = replay.view;
          expect(past).toEqual({ judgedAnew: 0, gone: 0 });
          unjudged += not.length;
          if (not.length > 0) expect(not[0]?.why).toMatch(/^label .*, a pod of another node, is not told/);
          else if (was === then) expect(pairs, JSON.stringify(flow)).toEqual([]);
          else {
            const change = then === 'deny' ? 'stops' : 'opens';
            const ends = { from: placeName(flow.from), to: placeName(flow.to) };
            expect(pairs, JSON.stringify(flow)).toMatchObject([{ change, ...ends, flows: 1 }]);
            if (change === 'stops') stops += 1;
            else opens += 1;
          }
        }
        await plane.close();
      }),
      { numRuns: 40 },
    );
    expect(Math.min(stops, opens, unjudged)).toBeGreaterThan(0);
  });
});

function keyOf(world: World, key: PolicyKey, entries: readonly PolicyEntry[]): PolicyKey {
  const [entry] = [...entries, ...(world.policies.get(key) ?? [])];
  if (entry === undefined) throw new Error(`${key} says nothing`);
  return policyKey(entry.origin);
}

describe('what-if counts', () => {
  it('a connection once that is seen at both ends, a try that is repeated once, and pairs by who they are', async () => {
    const [replay, flow] = await sample([{ namespace: 'shop', name: 'p' }]);
    for (const sourcePort of [1, 2]) {
      for (const direction of ['egress', 'ingress'] as const) replay.take(flow({ direction }, sourcePort));
      // Judged anew, as after every change of policy.
      replay.take(flow({ type: 'renew', direction: 'ingress' }, sourcePort));
    }
    replay.take(flow({ type: 'renew', direction: 'ingress', isReply: true }, 3));
    replay.take({ kind: 'lost', place: 'store', count: 5 });
    expect(replay.view).toMatchObject({
      pairs: [
        { change: 'stops', from: 'shop/a', to: 'shop/b', port: 8080, flows: 3, policies: ['NetworkPolicy shop/p'] },
      ],
      lost: { store: 5 },
      unjudged: [],
    });
  });

  it('what is staged only where it is thought enforced, of the file and of the cluster', async () => {
    const [, flow, node] = await sample([]);
    const closing = { ...policyRow('closing', { podSelector: {}, policyTypes: ['Ingress'] }), stage: 'true' };
    node.put(node.intent.policies, closing);
    await node.settle();
    const hub = {
      observe: async function* () {
        yield [flow({})];
      },
    };
    const context = { ...node, ...TRACED, hub };
    const stops = async (request: Partial<ReplayRequest>) =>
      (await replayed({ proposed: [], deleted: [], staged: false, ...request }, context)).pairs.map(
        ({ policies }) => policies,
      );
    const file = [
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { namespace: 'shop', name: 'file', annotations: { 'membrane.io/stage': 'true' } },
        spec: { podSelector: {}, policyTypes: ['Ingress'] },
      },
    ];
    expect(await stops({})).toEqual([]);
    expect(await stops({ proposed: file })).toEqual([]);
    expect(await stops({ staged: true })).toEqual([['NetworkPolicy shop/closing']]);
    expect(await stops({ proposed: file, staged: true })).toEqual([
      ['NetworkPolicy shop/closing', 'NetworkPolicy shop/file'],
    ]);
    const gone = [{ kind: 'NetworkPolicy', namespace: 'shop', name: 'closing' }];
    expect(await stops({ deleted: gone, staged: true }), 'thought gone').toEqual([]);
  });

  it('of what policies say otherwise by now, of who is gone, and of what is no connection, nothing', async () => {
    const [replay, flow] = await sample([{ namespace: 'shop', name: 'p' }]);
    replay.take(flow({ type: 'drop', verdict: 'dropped', dropReason: 'policy-ingress' }));
    replay.take(flow({ type: 'close' }));
    replay.take(flow({ type: 'drop', verdict: 'dropped', dropReason: 'no-endpoint' }));
    replay.take(flow({ source: { addr: '10.244.1.9', port: 1, identity: 999, labels: [] } }));
    replay.take(
      flow({ source: { addr: '10.244.1.1', port: 1, identity: 256, labels: [], namespace: 'shop', pod: 'z' } }),
    );
    replay.take(flow({ protocol: '47' }));
    expect(replay.view).toMatchObject({
      pairs: [],
      past: { judgedAnew: 1, gone: 2 },
      flows: { opened: 3, dropped: 1 },
    });
    expect(replay.view.unjudged).toEqual([{ why: expect.stringContaining('47'), flows: 1 }]);
  });
});

/** Two pods that nothing isolates, and the policies that would isolate all of shop. */
async function sample(names: readonly { namespace: string; name: string }[]) {
  const node = await fakeNode();
  node.put(node.intent.namespaces, namespaceRow('shop'));
  node.put(node.intent.nodes, nodeRow(FAKE_NODE, ['172.18.0.2'], ['10.244.1.0/24']));
  const pods = [podRow('a'), podRow('b')];
  node.put(node.intent.pods, ...pods);
  for (const [index, pod] of pods.entries()) node.connect(index + 1, pod);
  node.sync();
  await node.settle();
  const proposed = names.map((metadata) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata,
    spec: { podSelector: {}, policyTypes: ['Ingress'] },
  }));
  const replay = new Replay(readProposal(proposed), { ...node, ...TRACED });
  const flow = (change: Partial<Flow>, port = 1) => {
    const own = { identity: 256, labels: [], namespace: 'shop' };
    const a = { ...own, addr: '10.244.1.1', pod: 'a', port };
    const b = { ...own, addr: '10.244.1.2', pod: 'b', port: 8080 };
    const [source, destination] = change.isReply === true ? [b, a] : [a, b];
    return { kind: 'flow', flow: { ...OPENED, source, destination, ...change } } as const;
  };
  return [replay, flow, node] as const;
}

const TRACED = {
  nodeName: FAKE_NODE,
  overlay: true,
  native: false,
  nodeAddresses: () => [],
  serviceAt: () => undefined,
};

const ids = new Map<string, number>();
function endpointAt(addr: string) {
  ids.set(addr, ids.get(addr) ?? ids.size + 1);
  return endpointId(ids.get(addr) ?? 0);
}

function ownOf({ from, to }: Connection, direction: 'ingress' | 'egress') {
  const place = direction === 'egress' ? from : to;
  return place.kind === 'pod' ? place.pod : undefined;
}

/** As the datapath of the node tells of it. */
function recorded(connection: Connection, verdict: 'allow' | 'deny'): Flow {
  const { from, to, protocol, port } = connection;
  const own = ownOf(connection, 'egress')?.node === 'n1' ? 'egress' : 'ingress';
  const isPort = protocol !== 1;
  return {
    ...OPENED,
    ...(verdict === 'deny' && { type: 'drop', verdict: 'dropped', dropReason: `policy-${own}` }),
    direction: own,
    source: { ...endOf(from), ...(isPort && { port: 40_000 }) },
    destination: { ...endOf(to), ...(isPort && { port }) },
    protocol: protocolName(protocol),
  };
}

const OPENED: Omit<Flow, 'source' | 'destination'> = {
  time: 1,
  node: 'n1',
  type: 'open',
  verdict: 'forwarded',
  direction: 'egress',
  protocol: 'TCP',
  tcpFlags: [],
  rules: {},
  isReply: false,
  length: 60,
  ifindex: 1,
  hook: 'to-pod',
};

function endOf(place: Place): FlowEnd {
  expect(addrFamily(place.addr)).toBe(4);
  const pod = place.kind === 'pod' ? { namespace: place.pod.namespace, pod: place.pod.name, identity: 256 } : {};
  return { addr: place.addr, identity: 2, labels: [], ...pod };
}
