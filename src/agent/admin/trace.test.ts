import { beforeAll, describe, expect, it } from 'vitest';
import type { TraceRequest } from '../../api/index.ts';
import { namespaceRow, nodeRow, onlyFrom, podRow } from '../../cluster/samples.ts';
import { type Frontend, frontendKey } from '../../model/index.ts';
import { Prefix, parseAddr } from '../../net/index.ts';
import { FAKE_NODE, fakeNode } from '../../plane/testkit.ts';
import { sampleFrontend, sampleName } from '../../service/samples.ts';
import { trace } from './trace.ts';

const CLUSTER_IP = parseAddr('10.96.0.10');

const frontend = (port: number, backends: Frontend['backends']): Frontend =>
  sampleFrontend(backends, { addr: CLUSTER_IP, port, service: sampleName('shop/api') });

/** The backend serves port 80 of a service at 8080; nobody serves port 81. */
const SERVED = [
  frontend(80, [
    {
      addr: parseAddr('10.244.1.1'),
      port: 8080,
      protocol: 'TCP',
      state: 'ready',
      pod: sampleName('shop/backend'),
      local: true,
    },
  ]),
  frontend(81, []),
];

describe('policy trace', () => {
  let node: Awaited<ReturnType<typeof fakeNode>>;
  beforeAll(async () => {
    node = await fakeNode();
    const pods = ['backend', 'frontend', 'other'].map((name) => podRow(name, { app: name }));
    node.put(node.intent.namespaces, namespaceRow('shop'));
    node.put(node.intent.nodes, nodeRow(FAKE_NODE, [], ['10.244.1.0/24']));
    node.put(node.intent.pods, ...pods);
    node.put(node.intent.policies, onlyFrom('backend', 'backend', 'frontend'));
    for (const [index, pod] of pods.entries()) node.connect(index + 1, pod);
    node.connect(9, podRow('late'));
    node.intent.serviceRanges.set(Prefix.parse('10.96.0.0/16'));
    node.sync();
    await node.settle();
  });

  const ask = (request: Partial<TraceRequest>) => {
    const serviceAt = (place: string) => SERVED.find((one) => frontendKey(one) === place);
    const nodeAddresses = () => [parseAddr('172.18.0.2')];
    const asked: TraceRequest = { from: 'shop/frontend', to: 'world', port: 80, protocol: 'TCP', ...request };
    return trace(asked, { ...node, serviceAt, nodeAddresses });
  };

  it.each([
    ['an address of the service range that was never given out', { to: '10.96.7.7' }, 'service-unknown'],
    ['another port of a service', { to: CLUSTER_IP, port: 443 }, 'service-unknown'],
    ['another protocol of a service', { to: CLUSTER_IP, protocol: 'UDP' }, 'service-unknown'],
    ['ping to a service', { to: CLUSTER_IP, protocol: 'ICMP' }, 'service-unknown'],
    ['a service without backends', { to: CLUSTER_IP, port: 81 }, 'no-backend'],
    ['an address of pods that no pod has', { to: '10.244.1.77' }, 'no-endpoint'],
    ['the range itself', { to: 'pod-range' }, 'no-endpoint'],
    ['from outside to an address that no pod has', { from: 'world', to: '10.244.1.77' }, 'no-endpoint'],
    ['who pretends to be a service', { from: '10.96.7.7', to: 'shop/other' }, 'spoofed-ip'],
    ['who pretends to be a pod', { from: '10.244.1.77', to: 'shop/other' }, 'unencapsulated'],
  ] as const)('says that it is dropped, as the kernel does: %s', (_what, request, drop) => {
    const { verdict, steps } = ask(request);
    expect([verdict, steps]).toEqual(['denied', [expect.objectContaining({ verdict: 'denied', drop })]]);
    expect(steps[0]?.reason).toMatch(`dropped as ${drop}: `);
  });

  it('judges a service by who serves it', () => {
    const asked = { to: CLUSTER_IP, port: 80 };
    expect(ask(asked)).toMatchObject({
      verdict: 'allowed',
      to: {
        name: '10.96.0.10, service shop/api at 10.244.1.1:8080',
        identity: node.identities.get('shop/backend')?.id,
      },
    });
    expect(ask({ ...asked, from: 'shop/other' })).toMatchObject({
      verdict: 'denied',
      steps: [{ verdict: 'allowed' }, { direction: 'ingress', verdict: 'denied' }],
    });
  });

  it('knows a pod that talks to itself, also through a service', () => {
    for (const to of ['shop/backend', '10.244.1.1', CLUSTER_IP]) {
      expect(ask({ from: 'shop/backend', to })).toMatchObject({
        verdict: 'allowed',
        steps: [{ verdict: 'allowed', enforced: false, reason: expect.stringContaining('never leaves the pod') }],
      });
    }
    // Of the same identity, and another pod: that is judged.
    expect(ask({ from: 'shop/other', to: 'shop/backend' }).verdict).toBe('denied');
  });

  it('says of an address whose pod is on its way, and of the world, what policies say', () => {
    expect(ask({ to: '10.244.1.9' }).steps.flatMap(({ drop }) => drop ?? [])).toEqual([]);
    expect(ask({ to: '203.0.113.1' }).verdict).toBe('allowed');
  });
});
