import { beforeAll, describe, expect, it } from 'vitest';
import { namespacedName } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { namespaceRow, podRow, policyRow } from '../../cluster/samples.ts';
import type { DatapathEvent } from '../../observe/index.ts';
import { fakeNode } from '../../plane/testkit.ts';
import { Denials } from './denials.ts';

const WORLD = 2;

const BACKEND = policyRow('backend', {
  podSelector: { matchLabels: { app: 'backend' } },
  policyTypes: ['Ingress', 'Egress'],
  ingress: [
    {
      from: [{ podSelector: { matchLabels: { app: 'frontend' } } }],
      ports: [{ port: 9090 }],
    },
  ],
});

describe('Denials', () => {
  const clock = new FakeClock(1_000_000);
  let node: Awaited<ReturnType<typeof fakeNode>>;
  let denials: Denials;
  const idOf = (name: string) => node.identities.get(namespacedName({ namespace: 'shop', name }))?.id ?? 0;

  beforeAll(async () => {
    node = await fakeNode(undefined, { clock });
    const pods = ['backend', 'frontend', 'other'].map((app) => podRow(app, { app }));
    node.put(node.intent.namespaces, namespaceRow('shop'));
    node.put(node.intent.pods, ...pods);
    node.put(node.intent.policies, BACKEND);
    for (const [index, pod] of pods.entries()) node.connect(index + 1, pod);
    node.sync();
    await node.settle();
    denials = new Denials({ ...node, clock });
  });

  const dropped = (change: Partial<DatapathEvent>): DatapathEvent => ({
    timestamp: 0,
    source: '10.244.1.2',
    destination: '10.244.1.1',
    sourcePort: 40_000,
    destinationPort: 8080,
    sourceIdentity: idOf('frontend'),
    destinationIdentity: idOf('backend'),
    sourceEndpoint: 2,
    destinationEndpoint: 1,
    rule: [0, 0],
    length: 60,
    ifindex: 7,
    ethertype: 0x0800,
    type: 'drop',
    reason: 'policy-ingress',
    hook: 'to-pod',
    protocol: 6,
    tcpFlags: 2,
    isReply: false,
    ...change,
  });

  it('names what isolates, and what of the nearest rule failed', () => {
    expect(denials.of(dropped({}))).toMatchObject({
      direction: 'ingress',
      by: 'policies',
      policies: ['NetworkPolicy shop/backend'],
      nearestMiss: {
        policy: 'NetworkPolicy shop/backend',
        rule: 'ingress rule 0',
        wants: 'port 9090',
        because: 'port is 8080, expected 9090',
      },
    });
    const other = { sourceIdentity: idOf('other'), destinationPort: 9090 };
    expect(denials.of(dropped(other))?.nearestMiss?.wants).toBe('pod app=frontend');
  });

  it('says so where no rule could have allowed it', () => {
    const out = { reason: 'policy-egress', hook: 'from-pod' } as const;
    const ends = { sourceIdentity: idOf('backend'), destinationIdentity: WORLD, destination: '198.51.100.7' };
    const denial = denials.of(dropped({ ...out, ...ends }));
    expect(denial).toMatchObject({ direction: 'egress', by: 'policies', policies: ['NetworkPolicy shop/backend'] });
    expect(denial).not.toHaveProperty('nearestMiss');
  });

  it('judges by whoever opened what a reply was dropped of', () => {
    const back = {
      isReply: true,
      source: '10.244.1.1',
      sourcePort: 8080,
      sourceIdentity: idOf('backend'),
      destination: '10.244.1.2',
      destinationPort: 40_000,
      destinationIdentity: idOf('frontend'),
    };
    expect(denials.of(dropped(back))?.nearestMiss?.because).toBe('port is 8080, expected 9090');
  });

  it('says that policies have changed where they would let it pass by now', () => {
    expect(denials.of(dropped({ destinationPort: 9090 }))).toMatchObject({ by: 'changed', policies: [] });
  });

  it('says nothing of what policy did not drop, or of ends that nobody knows', () => {
    expect(denials.of(dropped({ reason: 'spoofed-ip' }))).toBeUndefined();
    expect(denials.of(dropped({ destinationIdentity: 60_000 }))).toBeUndefined();
  });

  it('explains a bounded number a second, and of the others what isolates', async () => {
    await clock.advance(1_000);
    const scan = (first: number) =>
      Array.from({ length: 300 }, (_, index) => denials.of(dropped({ destinationPort: first + index })));
    const told = scan(10_000);
    expect(told.filter((denial) => denial?.nearestMiss !== undefined)).toHaveLength(200);
    expect(told.at(-1)).toMatchObject({ by: 'policies', policies: ['NetworkPolicy shop/backend'] });
    await clock.advance(1_000);
    expect(scan(20_000)[0]?.nearestMiss?.wants).toBe('port 9090');
  });
});
