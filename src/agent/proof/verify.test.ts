import { describe, expect, it } from 'vitest';
import type { VerifyRequest, VerifyView } from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import { namespaceRow, podRow } from '../../cluster/samples.ts';
import { MapSet, ZERO_CONFIG } from '../../datapath/index.ts';
import { shareRow } from '../../datapath/maps/testkit.ts';
import { EndpointTable } from '../../plane/index.ts';
import { fakeNode } from '../../plane/testkit.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { Verifier } from './verify.ts';

const front = podRow('front', { app: 'front' });
const back = podRow('back', { app: 'back' }, { namespace: 'ledger' });
const claims = (...names: string[]) => ({ names, prefix: undefined });
const ENDS = { from: 'tenant:shop', to: 'namespace:ledger' };

/** Two tenants that share nothing. What their pods would send is sent by nobody: there are no programs. */
async function twoTenants() {
  const node = await fakeNode();
  node.put(node.intent.namespaces, namespaceRow('shop'), namespaceRow('ledger'));
  node.put(node.intent.pods, front, back);
  node.put(
    node.intent.tenants,
    tenantRow('shop', { claims: claims('shop') }),
    tenantRow('billing', { claims: claims('ledger') }),
  );
  node.intent.services.apply({ upserts: [], deletes: [], synced: true });
  node.connect(1, front);
  node.connect(2, back);
  node.sync();
  await node.settle();
  const specs = { endpoint: { path: '', maps: [] }, judge: { path: '', maps: [] } } as never;
  const verifier = new Verifier({
    nodeName: 'node-1',
    prover: node.prover,
    endpoints: new EndpointTable(),
    policyCount: () => 0,
    specs,
    maps: new MapSet({ pinDir: undefined }),
    base: ZERO_CONFIG,
    configOf: () => ZERO_CONFIG,
  });
  const resolve = () => {
    throw new TypeError('nobody in particular is asked for');
  };
  const ids = [front, back].map((pod) => node.identityOf(namespacedName(pod))?.id);
  const [opener, responder] = ids;
  if (opener === undefined || responder === undefined) throw new Error('the pods have no identity');
  return {
    node,
    verifier,
    resolve,
    verify: async (request: VerifyRequest = {}): Promise<VerifyView> => await verifier.verify(request, resolve),
    /** A share that nobody exports. */
    plant: () => node.kernel.tenantShares.set({ opener, responder, protocol: 6, port: 80 }, shareRow()),
  };
}

const standing = ({ pairs }: VerifyView, from: string, to: string) =>
  pairs.find((pair) => pair.from === from && pair.to === to)?.standing;

describe('who asks what is apart', () => {
  it('by objects is told what is meant, and by maps what is there', async () => {
    const { verify, plant } = await twoTenants();
    const before = await verify(ENDS);
    expect(before).toMatchObject({ good: true, differences: [], asked: { pairs: 1, reached: [] } });
    expect(standing(before, 'shop', 'billing')).toBe('isolated');
    plant();
    const [is, meant] = [await verify(ENDS), await verify({ ...ENDS, against: 'intent' })];
    expect(standing(is, 'shop', 'billing')).toBe('broken');
    expect(is).toMatchObject({
      good: false,
      differences: [{ layer: 'sharing', effect: 'opens', packets: 'TCP 80', fromTenant: 'shop', toTenant: 'billing' }],
      asked: {
        reached: [
          {
            packets: 'TCP 80',
            why: [expect.stringMatching(/^tenant_shares row: /), expect.any(String), expect.any(String)],
          },
        ],
      },
    });
    expect(meant).toMatchObject({ good: true, differences: [], asked: { reached: [] } });
    expect(standing(meant, 'shop', 'billing')).toBe('isolated');
    const other = await verify({ ...ENDS, from: 'namespace:ledger', to: 'tenant:shop', against: 'kernel' });
    expect(other.asked?.reached, 'and not the other way').toEqual([]);
  });

  it('about one tenant is told nothing of what does not concern it', async () => {
    const { node, verify, plant } = await twoTenants();
    node.put(node.intent.tenants, tenantRow('third', { claims: claims('nobody') }));
    await node.settle();
    plant();
    const [shop, third] = [await verify({ tenant: 'shop' }), await verify({ tenant: 'third' })];
    expect(shop.differences.map(({ layer }) => layer)).toEqual(['sharing']);
    expect(third.differences).toEqual([]);
    expect(third.pairs.every(({ from, to }) => from === 'third' || to === 'third')).toBe(true);
  });

  it('about somebody who is not there, or about more than one answer may be about, is told so', async () => {
    const { node, verify, verifier, resolve } = await twoTenants();
    for (const request of [{ tenant: 'gone' }, { ...ENDS, from: 'tenant:gone' }, { ...ENDS, to: 'namespace:gone' }]) {
      await expect(verify(request)).rejects.toMatchObject({ code: 'E_AGENT_NOT_FOUND' });
    }
    const proof = await node.prover.prove();
    const { peers } = proof.accounts;
    const many = { ...proof, accounts: { ...proof.accounts, peers: Array.from({ length: 500 }, () => peers).flat() } };
    await expect(verifier.view(many, ENDS, resolve)).rejects.toMatchObject({ code: 'E_AGENT_TOO_MUCH' });
  });
});
