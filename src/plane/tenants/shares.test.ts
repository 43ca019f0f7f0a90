import { describe, expect, it } from 'vitest';
import { type NamespacedName, namespacedName } from '../../base/index.ts';
import { namespaceRow, nodeRow, podRow } from '../../cluster/samples.ts';
import { tenantSharesCodecs } from '../../datapath/maps/tenant-shares-map.ts';
import { FakeMap, shareRow } from '../../datapath/maps/testkit.ts';
import { RESERVED_IDS } from '../../identity/index.ts';
import type { ServiceSpec, SliceSpec, TenantExport, TenantRow } from '../../model/index.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { FakeKernel, fakeNode } from '../testkit.ts';

const front = podRow('front', { app: 'front' });
const back = podRow('back', { app: 'back' }, { namespace: 'ledger' });
const LEDGER: TenantExport = {
  name: 'api',
  service: 'ledger/api' as NamespacedName,
  ports: undefined,
  to: ['shop'],
  expires: undefined,
};
const claims = (...names: string[]) => ({ names, prefix: undefined });
const shop = tenantRow('shop', {
  claims: claims('shop'),
  imports: [{ tenant: 'billing', export: 'api', labels: {} }],
  systemServices: [],
});
const billing = (change: Partial<TenantExport> = {}): TenantRow =>
  tenantRow('billing', { claims: claims('ledger'), exports: [{ ...LEDGER, ...change }], systemServices: [] });
const api = (selector: Record<string, string>, port = 80): ServiceSpec => ({
  uid: 'u',
  namespace: 'ledger',
  name: 'api',
  createdAt: '',
  type: 'ClusterIP',
  clusterIPs: ['10.96.0.7'],
  externalIPs: [],
  ingressIPs: [],
  ports: [{ name: '', protocol: 'TCP', port, nodePort: 0 }],
  selector,
  affinitySeconds: 0,
  internalTrafficPolicy: 'Cluster',
  externalTrafficPolicy: 'Cluster',
  healthCheckNodePort: 0,
  hasSourceRanges: false,
  foreign: false,
});

async function twoTenants(kernel = new FakeKernel(), exporter = billing()) {
  const node = await fakeNode(kernel);
  node.put(node.intent.namespaces, namespaceRow('shop'), namespaceRow('ledger'));
  node.put(node.intent.pods, front, back);
  node.put(node.intent.tenants, shop, exporter);
  node.intent.services.apply({ upserts: [api({ app: 'back' })], deletes: [], synced: true });
  node.connect(1, front);
  node.connect(2, back);
  node.sync();
  await node.settle();
  return node;
}
type Node = Awaited<ReturnType<typeof twoTenants>>;

const idOf = (node: Node, pod: typeof front): number => node.identityOf(namespacedName(pod))?.id ?? 0;
const rows = async (node: Node) => (await node.kernel.tenantShares.entries()).map(([key]) => key);
const expected = (node: Node, port = 80) => [
  { opener: idOf(node, front), responder: idOf(node, back), port, protocol: 6 },
];
const words = (node: Node) => [node.word(1)?.revision, node.word(2)?.revision];

describe('the shares of a node', () => {
  it('are what both tenants say', async () => {
    const node = await twoTenants();
    expect(await rows(node)).toEqual(expected(node));
  });

  it.each([
    ['the export goes', (node: Node) => node.put(node.intent.tenants, { ...billing(), exports: [] })],
    ['the import goes', (node: Node) => node.put(node.intent.tenants, { ...shop, imports: [] })],
    ['the Service goes', (node: Node) => node.intent.services.delete('ledger/api' as NamespacedName)],
    ['the Service selects others', (node: Node) => node.intent.services.set(api({ app: 'other' }))],
    ['the exporter goes', (node: Node) => node.drop(node.intent.tenants, billing())],
  ])('go when %s, and every connection is judged anew', async (_what, change) => {
    const node = await twoTenants();
    const before = words(node);
    change(node);
    await node.settle();
    expect(await rows(node)).toEqual([]);
    expect(words(node).some((revision) => before.includes(revision))).toBe(false);
  });

  it('are with one replica where the Service is of one, as with the others where it is of all', async () => {
    const KEY = 'statefulset.kubernetes.io/pod-name';
    const replicas = ['back-0', 'back-1'].map((name) =>
      podRow(name, { app: 'back', [KEY]: name }, { namespace: 'ledger' }),
    );
    const node = await twoTenants();
    node.drop(node.intent.pods, back);
    node.put(node.intent.pods, ...replicas);
    await node.settle();
    const [zero, one] = replicas;
    const openers = async () => (await rows(node)).map(({ responder }) => responder);
    const id = (pod: typeof front | undefined) => (pod === undefined ? 0 : idOf(node, pod));
    expect(id(zero)).toBe(id(one));
    node.intent.services.set(api({ [KEY]: 'back-1' }));
    await node.settle();
    expect(id(zero)).not.toBe(id(one));
    expect(await openers()).toEqual([id(one)]);
    node.intent.services.set(api({ app: 'back' }));
    await node.settle();
    expect(id(zero)).toBe(id(one));
    // Numbers that nobody has any more are still known.
    expect(await openers()).toContain(id(one));
  });

  it('are of one replica where the import is for one', async () => {
    const KEY = 'apps.kubernetes.io/pod-index';
    const replicas = ['0', '1'].map((index) => podRow(`front-${index}`, { app: 'front', [KEY]: index }));
    const node = await twoTenants();
    node.put(node.intent.pods, ...replicas);
    const only = { ...shop, imports: [{ tenant: 'billing', export: 'api', labels: { [KEY]: '1' } }] };
    node.put(node.intent.tenants, only);
    await node.settle();
    expect((await rows(node)).map(({ opener }) => opener)).toEqual(replicas.slice(1).map((pod) => idOf(node, pod)));
  });

  it('follow the ports of the Service', async () => {
    const node = await twoTenants();
    node.intent.services.set(api({ app: 'back' }, 81));
    await node.settle();
    expect(await rows(node)).toEqual(expected(node, 81));
  });

  it('are there for pods that come later, and cost those that are there nothing', async () => {
    const node = await twoTenants();
    const before = words(node);
    node.put(node.intent.pods, podRow('cart', { app: 'cart' }));
    await node.settle();
    expect(await rows(node)).toHaveLength(2);
    expect(words(node)).toEqual(before);
  });

  it('are over at their time, without an event', async () => {
    const kernel = new FakeKernel();
    const node = await twoTenants(kernel);
    node.put(node.intent.tenants, billing({ expires: node.clock.now() + 60_000 }));
    await node.settle();
    expect(await rows(node)).toEqual(expected(node));
    expect((await kernel.tenantShares.entries())[0]?.[1].until).toBeGreaterThan(0);
    const before = words(node);
    await node.clock.advance(60_000);
    await node.settle();
    expect(await rows(node)).toEqual([]);
    expect(words(node)).not.toEqual(before);
  });

  it('that find no room do not hold, are told, and hold when there is some', async () => {
    const kernel = new FakeKernel();
    const { spec } = kernel.tenantShares;
    Object.assign(kernel, { tenantShares: new FakeMap({ ...spec, maxEntries: 1 }, tenantSharesCodecs) });
    const node = await twoTenants(kernel);
    node.put(node.intent.pods, podRow('cart', { app: 'cart' }));
    await node.settle();
    expect(await rows(node)).toEqual(expected(node));
    expect([node.shares.lacking, node.shares.size]).toEqual([1, 1]);
    expect(node.shares.problemsOf('shop')).toEqual([expect.stringContaining('tenant_shares')]);
    node.drop(node.intent.pods, front);
    await node.settle();
    await node.clock.advance(3_600_000);
    await node.settle();
    expect((await rows(node)).map(({ opener }) => opener)).toEqual([
      node.identityOf('shop/cart' as NamespacedName)?.id,
    ]);
    expect([node.shares.lacking, node.shares.size, node.shares.problemsOf('shop')]).toEqual([0, 1, []]);
  });

  it('stay over a restart, and those that nobody says any more go', async () => {
    const kernel = new FakeKernel();
    const first = await twoTenants(kernel);
    const before = words(first);
    expect(words(await twoTenants(kernel))).toEqual(before);
    const third = await twoTenants(kernel, { ...billing(), exports: [] });
    expect(await rows(third)).toEqual([]);
    expect(words(third).some((revision) => before.includes(revision))).toBe(false);
  });

  it('that somebody else has written are told, and go, with the connections by them', async () => {
    const node = await twoTenants();
    const { tenantShares } = node.kernel;
    const [own] = expected(node).map((key) => key as Parameters<typeof tenantShares.set>[0]);
    if (own === undefined) throw new Error('nothing is shared');
    const planted = { ...own, opener: own.responder, responder: own.opener };
    tenantShares.set(planted, shareRow());
    tenantShares.delete(own);
    const before = words(node);
    expect(await node.shares.differences(node.clock.now())).toEqual([
      `the kernel lets identity ${planted.opener} open port 80 of identity ${planted.responder}, which no export and import say`,
      '1 rows of what is exported and imported are not in the kernel as they should be',
    ]);
    await node.shares.doubt(node.clock.now());
    await node.settle();
    expect(await rows(node)).toEqual(expected(node));
    expect(await node.shares.differences(node.clock.now())).toEqual([]);
    expect(words(node).some((revision) => before.includes(revision))).toBe(false);
    expect(node.shares.size).toBe(1);
    const after = words(node);
    await node.shares.doubt(node.clock.now());
    await node.settle();
    expect(words(node), 'and nothing where nobody has').toEqual(after);
  });

  it('are over when both say, whatever somebody else has written', async () => {
    const node = await twoTenants();
    node.put(node.intent.tenants, billing({ expires: node.clock.now() + 60_000 }));
    await node.settle();
    const { tenantShares } = node.kernel;
    const [row] = await tenantShares.entries();
    if (row === undefined) throw new Error('nothing is shared');
    tenantShares.set(row[0], shareRow());
    await node.shares.doubt(node.clock.now());
    await node.settle();
    expect((await tenantShares.entries())[0]?.[1].until).toBeGreaterThan(0);
  });

  it('of API servers are where these say that they answer, and go with them', async () => {
    const node = await twoTenants();
    node.put(node.intent.tenants, { ...shop, imports: [], systemServices: ['apiserver'] });
    const slice = (address: string): SliceSpec => ({
      uid: 'k',
      namespace: 'default',
      name: 'kubernetes',
      service: 'kubernetes',
      addressType: 'IPv4',
      ports: [{ name: 'https', protocol: 'TCP', port: 6443 }],
      endpoints: [
        { address, ready: true, serving: true, terminating: false, nodeName: '', pod: '', zones: [], nodes: [] },
      ],
    });
    await node.settle();
    expect(node.shares.problemsOf('shop')).toEqual(['system service apiserver: no API server says where it answers']);
    node.put(node.intent.nodes, nodeRow('node-2', ['172.18.0.3'], []));
    node.intent.slices.set(slice('172.18.0.3'));
    await node.settle();
    const row = { opener: idOf(node, front), responder: RESERVED_IDS['kube-apiserver'], port: 6443, protocol: 6 };
    expect(await rows(node)).toEqual([row]);
    const before = words(node);
    node.intent.slices.delete('default/kubernetes' as NamespacedName);
    await node.settle();
    expect(await rows(node)).toEqual([]);
    expect(
      words(node).some((revision) => before.includes(revision)),
      'who is connected is judged anew',
    ).toBe(false);
  });
});
