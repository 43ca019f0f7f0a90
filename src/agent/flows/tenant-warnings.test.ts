import { expect, test } from 'vitest';
import { namespaceRow, podRow } from '../../cluster/samples.ts';
import type { IdentityId, TenantRow } from '../../model/index.ts';
import { fakeNode } from '../../plane/testkit.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { TenantWarnings } from './tenant-warnings.ts';

const tenant = (name: string, namespace: string, mode: TenantRow['mode']): TenantRow =>
  tenantRow(name, { claims: { names: [namespace], prefix: undefined }, mode });

async function world(...tenants: TenantRow[]) {
  const node = await fakeNode();
  const namespaces = ['shop', 'ledger', 'plain'];
  node.put(node.intent.namespaces, ...namespaces.map((name) => namespaceRow(name)));
  const pods = namespaces.map((namespace) => podRow('pod', { app: 'pod' }, { namespace }));
  node.put(node.intent.pods, ...pods);
  for (const [index, pod] of pods.entries()) node.connect(index + 1, pod);
  node.put(node.intent.tenants, ...tenants);
  node.sync();
  await node.settle();
  const said: { readonly on: string; readonly message: string }[] = [];
  const problems = {
    report: (
      { kind, namespace, name }: { kind: string; namespace: string; name: string },
      all: readonly { message: string }[],
    ) => {
      for (const { message } of all) said.push({ on: `${kind} ${namespace}/${name}`, message });
    },
  };
  const warnings = new TenantWarnings({ ...node, problems });
  const idOf = (namespace: string): IdentityId => {
    const found = node.identityOf(`${namespace}/pod` as never);
    if (found === undefined) throw new Error(`${namespace} is nobody`);
    return found.id;
  };
  return { node, said, see: (from: string, to: string) => warnings.see('tenant-boundary', idOf(from), idOf(to)) };
}

test('who warns is told once a kind, on the Tenant and on the namespace, of his own pods and not of the others', async () => {
  const { said, see } = await world(tenant('a', 'shop', 'Warn'), tenant('b', 'ledger', 'Observe'));
  see('shop', 'ledger');
  see('shop', 'ledger');
  see('shop', 'plain');
  expect(said.map(({ on }) => on)).toEqual(['Tenant /a', 'Namespace shop/shop']);
  see('ledger', 'shop');
  expect(said.map(({ on }) => on).slice(2)).toEqual(['Tenant /a', 'Namespace shop/shop']);
  expect(said[0]?.message).toContain('pods of namespace shop open, some would be dropped as tenant-boundary');
  expect(said[2]?.message).toContain('pods of namespace shop get, some would be dropped as tenant-boundary');
  expect(JSON.stringify(said)).not.toMatch(/ledger|plain|tenant b/);
});

test('both ends are told where both warn, and each that claims one, and nobody where none does', async () => {
  const both = await world(tenant('a', 'shop', 'Warn'), tenant('b', 'ledger', 'Warn'), tenant('c', 'ledger', 'Warn'));
  both.see('shop', 'ledger');
  expect(both.said.map(({ on }) => on)).toEqual([
    'Tenant /a',
    'Namespace shop/shop',
    'Tenant /b',
    'Namespace ledger/ledger',
    'Tenant /c',
    'Namespace ledger/ledger',
  ]);
  const none = await world(tenant('a', 'shop', 'Observe'), tenant('b', 'ledger', 'Enforce'));
  none.see('shop', 'ledger');
  expect(none.said).toEqual([]);
});

test('other Tenants, and it is told again', async () => {
  const { node, said, see } = await world(tenant('a', 'shop', 'Observe'));
  see('shop', 'plain');
  expect(said).toEqual([]);
  node.put(node.intent.tenants, tenant('a', 'shop', 'Warn'));
  await node.settle();
  see('shop', 'plain');
  expect(said).toHaveLength(2);
});
