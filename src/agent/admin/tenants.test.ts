import { expect, test } from 'vitest';
import { namespaceRow, podRow } from '../../cluster/samples.ts';
import { fakeNode } from '../../plane/testkit.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { tenantViews } from './tenants.ts';

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
  expect(tenantViews({ ...node, membership })).toEqual([
    {
      name: 'shop',
      boundary: { world: 'Closed', nodes: 'ProbesOnly' },
      namespaces: [stolen, { name: 'shop-web' }],
      ...nothingShared,
      identities: 1,
      problems: [stolen.closed, "namespace kube-system is the cluster's own"],
    },
    {
      name: 'thief',
      boundary: { world: 'Closed', nodes: 'ProbesOnly' },
      namespaces: [stolen],
      ...nothingShared,
      identities: 0,
      problems: [stolen.closed],
    },
    { name: 'system', namespaces: [{ name: 'kube-system' }], identities: 0, problems: [] },
    { name: '', namespaces: [{ name: 'other' }], identities: 0, problems: [] },
  ]);
});
