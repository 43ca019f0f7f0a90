import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryCase } from '../../../test/policy-cases/arbitrary.ts';
import { checkpoints } from '../../../test/policy-cases/engine.ts';
import { OracleEngine } from '../../../test/policy-cases/engine-oracle.ts';
import { traceContextOf } from '../../../test/policy-cases/engine-trace.ts';
import { NodePlane } from '../../../test/policy-cases/node-plane.ts';
import type { Flow as Connection, Place, World } from '../../../test/policy-cases/world.ts';
import type { NamespacedName } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { namespaceRow, nodeRow, onlyFrom, podRow, policyRow } from '../../cluster/samples.ts';
import { endpointId } from '../../model/index.ts';
import { parseAddr } from '../../net/index.ts';
import type { DatapathEvent } from '../../observe/index.ts';
import { EVENT } from '../../observe/testkit.ts';
import type { Plane } from '../../plane/index.ts';
import { FAKE_NODE, FakeKernel, fakeNode } from '../../plane/testkit.ts';
import { type End, resolveAddr, type TraceContext } from '../admin/trace-ends.ts';
import { asSeen } from '../admin/trace-path.ts';
import { StagedVerdicts } from './staged-verdicts.ts';

const OPTIONS = { ipv6: false, networkPolicyOnly: true };

/** A world of which some policies are staged. */
const worlds = arbitraryCase(OPTIONS).chain((one) =>
  fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }).map((picks) => {
    const isStaged = (_: unknown, index: number): boolean => picks[index % picks.length] === true;
    const all = [...one.world.policies];
    const staged = new Map(all.filter(isStaged));
    const enforced = new Map(all.filter((policy, index) => !isStaged(policy, index)));
    return { ...one, staged, before: { ...one.world, policies: enforced } satisfies World };
  }),
);

function verdictsOf(plane: Pick<Plane, 'repository' | 'intent' | 'endpoints' | 'policies'> & Identities) {
  const { repository, intent, endpoints, policies, identities } = plane;
  const clock = new FakeClock();
  return new StagedVerdicts({ repository, intent, endpoints, identities, staged: policies.staged, clock });
}
type Identities = { readonly identities: Plane['cluster']['identities'] };

describe('staged verdicts', () => {
  it('are, of both signs, what the cluster would do otherwise once all staged policies are enforced', async () => {
    const seen = { 'would-drop': 0, 'would-allow': 0, same: 0, unjudged: 0 };
    await fc.assert(
      fc.asyncProperty(worlds, async ({ world, flows, staged, before }) => {
        const [now, then] = [new OracleEngine(), new OracleEngine()];
        await now.setUp(before);
        await then.setUp(world);
        const own = await NodePlane.open(before, { node: 'n1', kernel: new FakeKernel(), endpointAt, allPods: false });
        await own.follow(before);
        for (const [key, entries] of staged) own.plane.policies.staged.set(key, entries);
        const verdicts = verdictsOf({ ...own.plane, identities: own.plane.cluster.identities });
        for (const flow of flows) {
          const answer = now.judge(flow);
          const [by] = answer.why.split(':');
          const at = by === 'egress' ? flow.from : flow.to;
          const isHere = checkpoints(flow).some((side) => nodeOf(side === 'egress' ? flow.from : flow.to) === 'n1');
          if (!isHere || answer.floor === 'refused' || (answer.verdict === 'deny' && nodeOf(at) !== 'n1')) continue;
          const would = then.judge(flow).verdict;
          const change = answer.verdict === would ? undefined : would === 'deny' ? 'would-drop' : 'would-allow';
          const event = {
            ...eventOf(flow, traceContextOf(own, 'n1', before)),
            ...(answer.verdict === 'deny' && ({ type: 'drop', reason: `policy-${by}` } as const)),
          };
          const unjudged = verdicts.counts.get('unjudged');
          verdicts.count(event);
          const said = verdicts.of(event);
          if (verdicts.counts.get('unjudged') !== unjudged) {
            expect(said).toBeUndefined();
            seen.unjudged += 1;
            continue;
          }
          expect(said?.change, JSON.stringify(flow)).toBe(change);
          const back = { ...event, ...turned(event) };
          expect(verdicts.of(back)).toEqual(said);
          seen[change ?? 'same'] += 1;
        }
        await own.close();
      }),
      { numRuns: 60 },
    );
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(0);
  });

  it('name the policy that decides then, and are counted each time', async () => {
    const node = await shop();
    const verdicts = verdictsOf(node);
    const event = node.open('frontend', 'backend');
    expect([verdicts.isNeeded, verdicts.of(event)]).toEqual([false, undefined]);
    node.put(node.intent.policies, { ...onlyFrom('closing', 'backend', 'other'), stage: 'true' });
    await node.settle();
    expect(verdicts.of(event)).toEqual({
      change: 'would-drop',
      by: 'policy',
      reason: 'policy-ingress',
      text: expect.stringContaining('NetworkPolicy shop/closing isolates the pod'),
      policies: ['NetworkPolicy shop/closing'],
    });
    expect(verdicts.of(node.open('other', 'backend'))).toBeUndefined();
    expect(verdicts.of({ ...event, type: 'drop', reason: 'policy-ingress' }), 'no policy drops it').toBeUndefined();
    for (const one of [event, event, { ...event, type: 'renew' as const }, { ...event, type: 'close' as const }])
      verdicts.count(one);
    node.put(node.intent.policies, onlyFrom('closing', 'backend', 'other'));
    node.put(node.intent.policies, { ...onlyFrom('opening', 'backend', 'frontend'), stage: 'true' });
    await node.settle();
    const drop = { ...event, type: 'drop', reason: 'policy-ingress' } as const;
    expect(verdicts.of(drop)).toMatchObject({
      change: 'would-allow',
      reason: 'policy-ingress',
      text: 'allowed by NetworkPolicy shop/opening, ingress rule 0',
      policies: ['NetworkPolicy shop/opening'],
    });
    expect(verdicts.of({ ...drop, reason: 'tenant-boundary' }), 'no policy lifts the floor').toBeUndefined();
    verdicts.count(drop);
    expect(Object.fromEntries(verdicts.counts)).toEqual({ 'would-drop': 2, 'would-allow': 1, unjudged: 0 });
  });

  it('select by labels that no identity tells of, where the pod is this node’s, and say that they cannot elsewhere', async () => {
    const node = await shop();
    const first = { matchLabels: { 'apps.kubernetes.io/pod-index': '0' } };
    const spec = { podSelector: {}, ingress: [{ from: [{ podSelector: first }] }] };
    node.put(node.intent.policies, { ...policyRow('first', spec), stage: 'true' });
    await node.settle();
    const verdicts = verdictsOf(node);
    const names = ['frontend', 'other', 'elsewhere'];
    expect(names.map((name) => verdicts.of(node.open(name, 'backend'))?.change)).toEqual([
      undefined,
      'would-drop',
      undefined,
    ]);
    for (const name of names) verdicts.count(node.open(name, 'backend'));
    expect(Object.fromEntries(verdicts.counts)).toEqual({ 'would-drop': 1, 'would-allow': 0, unjudged: 1 });
  });

  it('are not given of more kinds of connections in a second than one namespace may have judged, and others’ are', async () => {
    const node = await shop();
    node.put(node.intent.policies, { ...onlyFrom('closing', 'backend', 'nobody'), stage: 'true' });
    await node.settle();
    const verdicts = verdictsOf(node);
    const event = node.open('frontend', 'backend');
    for (let port = 1; port <= 2_000; port += 1) verdicts.count({ ...event, destinationPort: port });
    const counts = Object.fromEntries(verdicts.counts);
    expect([counts['would-drop'], counts['unjudged']]).toEqual([500, 1_500]);
    expect(verdicts.of({ ...event, sourceIdentity: 2, source: '192.0.2.1', sourceEndpoint: 0 })?.change).toBe(
      'would-drop',
    );
  });
});

/** Three pods of this node, one of another, and nothing that isolates them. */
async function shop() {
  const node = await fakeNode();
  node.put(node.intent.namespaces, namespaceRow('shop'));
  node.put(
    node.intent.nodes,
    nodeRow(FAKE_NODE, ['172.18.0.2'], ['10.244.1.0/24']),
    nodeRow('node-2', ['172.18.0.3'], ['10.244.2.0/24']),
  );
  const index = (of: string) => ({ 'apps.kubernetes.io/pod-index': of });
  const pods = [
    podRow('backend', { app: 'backend' }),
    podRow('frontend', { app: 'frontend', ...index('0') }),
    podRow('other', { app: 'other', ...index('1') }),
  ];
  const far = podRow('elsewhere', { app: 'far', ...index('0') }, { nodeName: 'node-2', podIPs: ['10.244.2.1'] });
  node.put(node.intent.pods, ...pods, far);
  for (const [at, pod] of pods.entries()) node.connect(at + 1, pod);
  node.sync();
  await node.settle();
  const end = (name: string) => {
    const at = pods.findIndex((pod) => pod.name === name);
    const identity = node.identityOf(`shop/${name}` as NamespacedName)?.id ?? 0;
    return at === -1
      ? { addr: '10.244.2.1', identity, endpoint: 0 }
      : { addr: `10.244.1.${at + 1}`, identity, endpoint: at + 1 };
  };
  const open = (from: string, to: string): DatapathEvent => {
    const [source, destination] = [end(from), end(to)];
    return {
      ...OPENED,
      source: source.addr,
      destination: destination.addr,
      sourceIdentity: source.identity,
      destinationIdentity: destination.identity,
      sourceEndpoint: source.endpoint,
      destinationEndpoint: destination.endpoint,
    };
  };
  return { ...node, open };
}

const OPENED: DatapathEvent = { ...EVENT, source: '', destination: '', type: 'open', reason: 'none' };

const ids = new Map<string, number>();
function endpointAt(addr: string) {
  ids.set(addr, ids.get(addr) ?? ids.size + 1);
  return endpointId(ids.get(addr) ?? 0);
}

const nodeOf = (place: Place): string | undefined => (place.kind === 'pod' ? place.pod.node : undefined);

/** As the datapath of the node tells of one that opens. */
function eventOf({ from, to, protocol, port }: Connection, context: TraceContext): DatapathEvent {
  const ends = [from, to].map(({ addr }) => resolveAddr(parseAddr(addr), context)) as [End, End];
  const [source, destination] = [asSeen(ends[0], ends[1], context), asSeen(ends[1], ends[0], context)];
  const endpoint = (addr: string): number => context.endpoints.ofAddress(parseAddr(addr))?.record.id ?? 0;
  return {
    ...OPENED,
    source: from.addr,
    destination: to.addr,
    sourceIdentity: source.identity.id,
    destinationIdentity: destination.identity.id,
    sourceEndpoint: endpoint(from.addr),
    destinationEndpoint: endpoint(to.addr),
    protocol,
    destinationPort: port,
  };
}

/** The same, told of what came back. */
function turned(event: DatapathEvent): Partial<DatapathEvent> {
  return {
    ...(event.type === 'open' && { type: 'renew' }),
    isReply: true,
    source: event.destination,
    destination: event.source,
    sourceIdentity: event.destinationIdentity,
    destinationIdentity: event.sourceIdentity,
    sourceEndpoint: event.destinationEndpoint,
    destinationEndpoint: event.sourceEndpoint,
    sourcePort: event.destinationPort,
    destinationPort: event.sourcePort,
  };
}
