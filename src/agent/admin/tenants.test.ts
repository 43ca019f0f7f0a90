import { expect, test } from 'vitest';
import { namespaceRow, podRow } from '../../cluster/samples.ts';
import { UNUSED_TENANT_ACCOUNT } from '../../datapath/index.ts';
import { type Direction, type DropReason, type EndpointId, endpointId, NO_LIMITS } from '../../model/index.ts';
import { fakeNode } from '../../plane/testkit.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { tenantViews } from './tenants.ts';

const NOTHING_USED = {
  accountOf: () => undefined,
  holders: { connections: () => 0, ports: async () => new Map<EndpointId, number>() },
  drops: async () => [],
  untold: () => 0,
};

test('names who has most of what a tenant is limited in, and who was refused most', async () => {
  const node = await fakeNode();
  node.put(node.intent.namespaces, namespaceRow('shop'), namespaceRow('other'));
  const pods = ['flood', 'quiet', 'victim'].map((name) => podRow(name, { app: name }));
  const foreign = podRow('foreign', {}, { namespace: 'other' });
  node.put(node.intent.pods, ...pods, foreign);
  for (const [index, pod] of [...pods, foreign].entries()) node.connect(index + 1, pod);
  const limits = { ...NO_LIMITS, connections: 100, newConnectionsPerSecond: 10, natPorts: 20, flowEventsPerSecond: 30 };
  node.put(node.intent.tenants, tenantRow('shop', { claims: { names: ['shop'], prefix: undefined }, limits }));
  node.sync();
  await node.settle();
  const [flood, quiet, victim, other] = [1, 2, 3, 4].map((id) => endpointId(id)) as [
    EndpointId,
    EndpointId,
    EndpointId,
    EndpointId,
  ];
  const drop = (endpoint: EndpointId, reason: DropReason, packets: number, direction: Direction = 'egress') => ({
    endpoint,
    reason,
    direction,
    packets,
    bytes: 0,
  });
  const [view] = await tenantViews({
    ...node,
    membership: node.floor.membership,
    inForce: node.floor.membership,
    accountOf: () => ({
      ...UNUSED_TENANT_ACCOUNT,
      interval: 1,
      eventInterval: 1,
      limit: [100, 20],
      used: [100, 3],
      untold: 70,
    }),
    holders: {
      connections: (id) => ({ [flood]: 90, [victim]: 10, [other]: 5_000 })[id] ?? 0,
      ports: async () =>
        new Map([
          [quiet, 3],
          [other, 900],
        ]),
    },
    drops: async () => [
      drop(victim, 'tenant-connections', 40),
      drop(victim, 'tenant-connections', 900, 'ingress'),
      drop(flood, 'tenant-rate', 7),
      drop(quiet, 'tenant-rate', 1),
      drop(other, 'tenant-rate', 500),
      drop(flood, 'policy-egress', 500),
    ],
    untold: (id) => ({ [quiet]: 60, [flood]: 9, [other]: 800 })[id] ?? 0,
  });
  expect(view?.limits).toEqual([
    { name: 'connections', limit: 100, used: 100, refused: 40, most: { pod: 'shop/flood', count: 90 } },
    { name: 'newConnectionsPerSecond', limit: 10, refused: 8, most: { pod: 'shop/flood', count: 7 } },
    { name: 'natPorts', limit: 20, used: 3, refused: 0, most: { pod: 'shop/quiet', count: 3 } },
    { name: 'flowEventsPerSecond', limit: 30, refused: 70, most: { pod: 'shop/quiet', count: 60 } },
  ]);
  expect(view?.problems).toEqual([
    "connections is limited to 100, and 40 packets were refused for that; most of it is pod shop/flood's: 90",
    "newConnectionsPerSecond is limited to 10, and 8 packets were refused for that; most of it is pod shop/flood's: 7",
    "flowEventsPerSecond is limited to 30, and 70 events were not told for that; most of it is pod shop/quiet's: 60",
  ]);
});

test('says of each tenant what it has, and what it claims in vain', async () => {
  const node = await fakeNode();
  for (const name of ['shop-web', 'shop-db', 'other', 'kube-system'])
    node.put(node.intent.namespaces, namespaceRow(name));
  node.put(node.intent.pods, podRow('web', { app: 'web' }, { namespace: 'shop-web' }));
  node.put(
    node.intent.tenants,
    tenantRow('shop', { claims: { names: ['kube-system'], prefix: 'shop-' } }),
    tenantRow('thief', { claims: { names: ['shop-db', 'of-nobody'], prefix: undefined } }),
  );
  node.sync();
  await node.settle();
  const { membership } = node.floor;
  const nothingShared = { exports: [], imports: [], sharedRows: 0 };
  const stolen = { name: 'shop-db', closed: 'namespace shop-db is claimed by tenants shop, thief' };
  expect(await tenantViews({ ...node, membership, inForce: membership, ...NOTHING_USED })).toEqual([
    {
      name: 'shop',
      mode: 'Enforce',
      boundary: { world: 'Closed', nodes: 'ProbesOnly', metadata: 'Never' },
      peers: 'Hidden',
      namespaces: [stolen, { name: 'shop-web' }],
      ...nothingShared,
      identities: 1,
      problems: [stolen.closed, "namespace kube-system is the cluster's own"],
    },
    {
      name: 'thief',
      mode: 'Enforce',
      boundary: { world: 'Closed', nodes: 'ProbesOnly', metadata: 'Never' },
      peers: 'Hidden',
      namespaces: [stolen],
      ...nothingShared,
      identities: 0,
      problems: [stolen.closed],
    },
    { name: 'system', namespaces: [{ name: 'kube-system' }], identities: 0, problems: [] },
    { name: '', namespaces: [{ name: 'other' }], identities: 0, problems: [] },
  ]);
});
