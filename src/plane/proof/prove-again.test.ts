import { describe, expect, it } from 'vitest';
import { namespacedName } from '../../base/index.ts';
import { namespaceRow, nodeRow, onlyFrom, podRow } from '../../cluster/samples.ts';
import { tenantWorldKey } from '../../datapath/index.ts';
import { endpointRow, ipcacheRow, shareRow } from '../../datapath/maps/testkit.ts';
import { endpointId, type IdentityId, identityId, ifindex, policyTableId } from '../../model/index.ts';
import { Prefix, parseAddr } from '../../net/index.ts';
import { tenantNumber } from '../../tenant/index.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { fakeNode } from '../testkit.ts';
import type { Again, Proof, Proved } from './prover.ts';

const front = podRow('front', { app: 'front' });
const back = podRow('back', { app: 'back' });
const ledger = podRow('ledger', { app: 'ledger' }, { namespace: 'ledger', nodeName: 'node-2', podIPs: ['10.244.2.9'] });
const claims = (...names: string[]) => ({ names, prefix: undefined });
const NONE = identityId(0);
const SOMEWHERE = Prefix.parse('203.0.113.0/24');

/** A tenant's two pods here, another one's elsewhere, and a policy: every map that a proof reads has a row. */
async function provedNode() {
  const node = await fakeNode();
  const { intent } = node;
  node.put(intent.namespaces, namespaceRow('shop'), namespaceRow('ledger'));
  node.put(intent.nodes, nodeRow('node-1', ['172.18.0.2'], ['10.244.1.0/24']));
  node.put(intent.nodes, nodeRow('node-2', ['172.18.0.3'], ['10.244.2.0/24']));
  node.put(
    intent.tenants,
    tenantRow('shop', { claims: claims('shop') }),
    tenantRow('money', { claims: claims('ledger') }),
  );
  node.put(intent.policies, onlyFrom('back', 'back', 'front'));
  node.put(intent.pods, front, back, ledger);
  intent.services.apply({ upserts: [], deletes: [], synced: true });
  node.connect(1, front);
  node.connect(2, back);
  node.sync();
  await node.settle();
  const idOf = (pod: typeof front): IdentityId => node.identityOf(namespacedName(pod))?.id ?? NONE;
  const { proved } = await node.prover.prove();
  if (proved === undefined) throw new Error('something was found');
  return { node, proved, ids: { front: idOf(front), back: idOf(back), ledger: idOf(ledger) } };
}
type ProvedNode = Awaited<ReturnType<typeof provedNode>>;

const found = ({ accounts, differences }: Proof): number => accounts.wrong.length + differences.length;
const anew = (again: Again): Proof => {
  if (again.kind === 'same') throw new Error('nothing was looked at');
  return again.proof;
};

const wordOf = ({ node }: ProvedNode, id: number) => node.word(id) ?? { identity: NONE, revision: 0 as never };

/** What somebody writes into the kernel, of which nobody hears. */
const planted: Record<string, (of: ProvedNode) => unknown> = {
  'a share of two tenants': ({ node, ids }) =>
    node.kernel.tenantShares.set({ opener: ids.front, responder: ids.ledger, protocol: 6, port: 80 }, shareRow()),
  'whose an identity is': ({ node, ids }) => node.kernel.tenants.set(ids.ledger, node.kernel.tenants.get(ids.front)),
  'a prefix of no tenant': ({ node }) => {
    const row = tenantWorldKey({ tenant: tenantNumber('shop'), prefix: SOMEWHERE });
    node.kernel.tenantWorld.set({ ...row, prefixlen: 3 }, 1);
  },
  'whose an address elsewhere is': ({ node, ids }) =>
    node.kernel.ipcache.set(Prefix.parse('10.244.2.9/32'), ipcacheRow({ identity: ids.front })),
  'at which node an address elsewhere is': ({ node, ids }) =>
    node.kernel.ipcache.set(
      Prefix.parse('10.244.2.9/32'),
      ipcacheRow({ identity: ids.ledger, tunnel: parseAddr('172.18.0.9') }),
    ),
  'an address more': ({ node, ids }) => node.kernel.ipcache.set(SOMEWHERE, ipcacheRow({ identity: ids.front })),
  'an address less': ({ node }) => node.kernel.ipcache.delete(Prefix.parse('0.0.0.0/0')),
  'whose an address here is': ({ node }) =>
    node.kernel.endpoints.set(parseAddr('10.244.1.2'), endpointRow({ endpoint: endpointId(1), ifindex: ifindex(101) })),
  'who a pod is': (of) => of.node.kernel.words.set(endpointId(2), { ...wordOf(of, 2), identity: of.ids.front }),
  'a pod that nobody knows': (of) => of.node.kernel.words.set(endpointId(77), wordOf(of, 1)),
  'a pod that was taken away, and its word was not': ({ node }) => node.endpoints.remove(endpointId(1)),
  'the tables of a pod': (of) =>
    of.node.kernel.policy.revisions.set(wordOf(of, 1).revision, [policyTableId(0), policyTableId(0)]),
  'a verdict of a table': async ({ node }) => {
    const { rows } = node.kernel.policy;
    for (const [key, value] of await rows.entries()) {
      rows.set(key, { ...value, verdict: value.verdict === 'allow' ? 'deny' : 'allow' });
    }
  },
  'a peer of a table': async ({ node, ids }) => {
    const { peers } = node.kernel.policy;
    for (const [key, group] of await peers.entries()) peers.set({ ...key, peer: ids.ledger }, group);
  },
};

describe('who proves again', () => {
  it('has nothing to hold against anything while all is as it was, whatever passes there are', async () => {
    const { node, proved } = await provedNode();
    node.floor.doubt();
    await node.settle();
    expect(await node.prover.proveAgain(proved)).toMatchObject({ kind: 'same' });
  });

  it.each(Object.entries(planted))('finds %s, in the round after it was written', async (_, plant) => {
    const of = await provedNode();
    const { node, proved } = of;
    expect(await node.prover.proveAgain(proved)).toMatchObject({ kind: 'same' });
    await plant(of);
    const proof = anew(await node.prover.proveAgain(proved));
    expect(found(proof)).toBeGreaterThan(0);
    expect(proof.proved, 'of what is wrong nothing is known the next time').toBeUndefined();
    const whole = await node.prover.prove();
    expect(proof.accounts.wrong).toEqual(whole.accounts.wrong);
    expect(proof.differences.map(({ rows, meant }) => [rows, meant])).toEqual(
      whole.differences.map(({ rows, meant }) => [rows, meant]),
    );
  });

  /** What the cluster says otherwise, and what reaches the kernel of it. */
  const changed: Record<string, (of: ProvedNode) => void> = {
    'a policy': ({ node }) => node.put(node.intent.policies, onlyFrom('back', 'back', 'nobody')),
    'a policy that says the same': ({ node }) => node.put(node.intent.policies, onlyFrom('twin', 'back', 'front')),
    'a pod elsewhere': ({ node }) =>
      node.put(node.intent.pods, { ...ledger, name: 'second', uid: 'second', podIPs: ['10.244.2.10'] }),
    'a pod elsewhere of another sort': ({ node }) =>
      node.put(node.intent.pods, podRow('x', { app: 'x' }, { nodeName: 'node-2', podIPs: ['10.244.2.11'] })),
    'labels of a pod': ({ node }) => node.put(node.intent.pods, { ...front, labels: { app: 'other' } }),
    'a Tenant': ({ node }) => node.put(node.intent.tenants, tenantRow('money', { claims: claims('ledger', 'more') })),
    'a node': ({ node }) => node.put(node.intent.nodes, nodeRow('node-3', ['172.18.0.4'], ['10.244.3.0/24'])),
  };

  it.each(Object.entries(changed))(
    'holds the kernel against what is meant when that is other: %s',
    async (_, change) => {
      const of = await provedNode();
      const { node, proved } = of;
      change(of);
      await node.settle();
      const proof = anew(await node.prover.proveAgain(proved));
      expect(found(proof)).toBe(0);
      expect((await node.prover.proveAgain(proof.proved ?? proved)).kind).toBe('same');
    },
  );

  it('proves all of it where services were other', async () => {
    const { node, proved } = await provedNode();
    const other: Proved = { ...proved, frontends: 3 };
    expect((await node.prover.proveAgain(other)).kind).toBe('anew');
  });
});
