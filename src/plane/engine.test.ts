import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { namespacedName } from '../base/index.ts';
import { namespaceRow, nodeRow, onlyFrom, podRow, policyRow } from '../cluster/samples.ts';
import { type EndpointWord, isOutside, OUTSIDE_WORDS, outsideOf } from '../datapath/index.ts';
import { policyKey } from '../datapath/maps/policy-maps.ts';
import { LAST_ENDPOINT_ID } from '../endpoint/index.ts';
import { RESERVED_IDS } from '../identity/index.ts';
import { DIRECTIONS, type EndpointId, endpointId, identityId, policyRevision, policyTableId } from '../model/index.ts';
import { rowsOf } from '../model/testkit.ts';
import { Prefix, parseAddr } from '../net/index.ts';
import { compileTable } from '../policy/compile/index.ts';
import { FAKE_NODE, FakeKernel, fakeNode, recordOf } from './testkit.ts';

const backend = podRow('backend', { app: 'backend' });
const frontend = podRow('frontend', { app: 'frontend' });
const other = podRow('other', { app: 'other' });

async function shop(kernel = new FakeKernel(), policy = onlyFrom('backend', 'backend', 'frontend')) {
  const node = await fakeNode(kernel);
  node.put(node.intent.namespaces, namespaceRow('shop'));
  node.put(node.intent.pods, backend, frontend, other);
  node.put(node.intent.policies, policy);
  node.connect(1, backend);
  node.connect(2, frontend);
  node.connect(3, other);
  node.sync();
  await node.settle();
  return node;
}
type Shop = Awaited<ReturnType<typeof shop>>;

/** The peers of endpoint `id`'s live table that some row lets in. */
async function admitted(node: Shop, id: number): Promise<number[]> {
  const table = await node.tableOf(id, 'ingress');
  const rows = table === undefined ? [] : rowsOf(table, 'ingress');
  return rows.filter(({ verdict }) => verdict === 'allow').map(({ peer }) => peer);
}

const idOf = (node: Shop, pod: string): number =>
  node.identityOf(namespacedName({ namespace: 'shop', name: pod }))?.id ?? 0;

describe('Engine', () => {
  it('opens nothing before everything was listed once', async () => {
    const node = await fakeNode();
    node.put(node.intent.namespaces, namespaceRow('shop'));
    node.put(node.intent.pods, backend);
    node.connect(1, backend);
    await node.settle();
    expect(node.word(1)).toBeUndefined();
    node.sync();
    await node.settle();
    expect(node.word(1)).toBeDefined();
    expect(node.endpoints.get(endpointId(1))?.state).toBe('ready');
  });

  it('gives every pod the table of its identity', async () => {
    const node = await shop();
    expect(node.word(1)?.identity).toBe(idOf(node, 'backend'));
    expect(await admitted(node, 1)).toContain(idOf(node, 'frontend'));
    expect(await admitted(node, 1)).not.toContain(idOf(node, 'other'));
    expect(await admitted(node, 3)).toContain(0);
  });

  it('never states a number that was taken back under a revision that its former owner had', async () => {
    const node = await fakeNode(new FakeKernel(4096, { first: 256, last: 257 }));
    node.put(node.intent.namespaces, namespaceRow('shop'));
    node.put(node.intent.pods, podRow('steady', { app: 'steady' }), podRow('restless', { app: 'v0' }));
    node.connect(1, podRow('steady'));
    node.connect(2, podRow('restless'));
    node.sync();
    await node.settle();
    const seen = new Set<string>();
    for (let index = 1; index <= 6; index += 1) {
      const { identity, revision } = node.word(2) ?? {};
      expect(identity).toBeDefined();
      expect(seen).not.toContain(`${identity} ${revision}`);
      seen.add(`${identity} ${revision}`);
      node.put(node.intent.pods, podRow('restless', { app: `v${index}` }));
      await node.settle();
      expect(node.endpoints.get(endpointId(2))?.state).toBe('ready');
    }
    expect(new Set(Array.from(seen, (word) => word.split(' ')[0])).size).toBe(1);
  });

  it('looks at what changed, however many endpoints there are', async () => {
    const node = await fakeNode();
    const pods = Array.from({ length: 100 }, (_, index) => podRow(`pod-${index}`, { app: `app-${index % 10}` }));
    node.put(node.intent.namespaces, namespaceRow('shop'));
    node.put(node.intent.pods, ...pods);
    node.put(node.intent.policies, onlyFrom('app-1', 'app-1', 'app-2'));
    pods.forEach((pod, index) => {
      node.connect(index + 1, pod);
    });
    node.sync();
    await node.settle();
    await node.settle();
    const looks = vi.spyOn(node.kernel.words, 'get');
    const lookedAt = async (): Promise<EndpointId[]> => {
      await node.settle();
      const ids = new Set(looks.mock.calls.map(([id]) => id).filter((id) => !isOutside(id)));
      looks.mockClear();
      return [...ids];
    };
    expect(await lookedAt()).toEqual([]);
    node.put(node.intent.nodes, nodeRow('node-2', ['172.18.0.3'], ['10.244.2.0/24']));
    expect(await lookedAt()).toEqual([]);
    node.put(node.intent.pods, podRow('pod-7', { app: 'other' }));
    expect(await lookedAt()).toEqual([8]);
    node.put(node.intent.policies, onlyFrom('app-1', 'app-1', 'app-3'));
    expect((await lookedAt()).length).toBe(10);
  });

  it('relabels by one store, after the other tables know the new identity', async () => {
    const node = await shop();
    const stores: number[] = [];
    let known: number[] = [];
    const relabelled = podRow('other', { app: 'frontend', extra: 'yes' });
    const before = node.word(1)?.revision;
    node.kernel.words.onSet = (id) => {
      stores.push(id);
      if (id !== 3) return;
      const peer = identityId(idOf(node, 'other'));
      const table = node.kernel.policy.revisions.get(policyRevision(before ?? 0))?.[0] ?? policyTableId(0);
      const group = node.kernel.policy.peers.get({ table, peer }) ?? 0;
      const row = node.kernel.policy.rows.get({ prefixlen: 72, table, group, protocol: 0, port: 0 });
      known = row?.verdict === 'allow' ? [peer] : [];
    };
    node.put(node.intent.pods, relabelled);
    await node.settle();
    expect(stores).toEqual([3]);
    expect(known).toEqual([node.word(3)?.identity]);
    expect(node.word(1)?.revision, 'rows are added to the revision in force').toBe(before);
  });

  it('replaces a table under a fresh revision and deletes the old one later', async () => {
    const node = await shop();
    const old = node.word(1)?.revision ?? 0;
    node.put(node.intent.policies, onlyFrom('backend', 'backend', 'other'));
    await node.settle();
    expect(node.word(1)?.revision).toBeGreaterThan(old);
    expect(await node.revisions()).toContain(old);
    expect(await admitted(node, 1)).toEqual(expect.arrayContaining([idOf(node, 'other')]));
    expect(await admitted(node, 1)).not.toContain(idOf(node, 'frontend'));
    await node.clock.advance(300);
    await node.settle();
    expect(await node.revisions()).not.toContain(old);
  });

  it('gives no life a revision that an endpoint had in an earlier one: conntrack remembers it', async () => {
    const first = await shop();
    const isolated = policyRow('isolated', { podSelector: { matchLabels: { app: 'frontend' } } });
    first.put(first.intent.policies, isolated);
    await first.settle();
    const had = first.word(2)?.revision;
    // Back to the tables that `other` has: what was allowed meanwhile bears the highest number of all, and nobody names it.
    first.drop(first.intent.policies, isolated);
    await first.settle();
    await first.clock.advance(300);
    await first.settle();
    expect(first.word(2)?.revision).not.toBe(had);
    expect(await first.revisions()).not.toContain(had);
    const second = await shop(first.kernel);
    second.put(second.intent.policies, policyRow('another', isolated.spec));
    await second.settle();
    expect(second.word(2)?.revision).not.toBe(had);
  });

  it('closes an endpoint whose pod, or whose very pod, the API does not know', async () => {
    const node = await shop();
    node.drop(node.intent.pods, other);
    await node.settle();
    expect(node.word(3)).toBeUndefined();
    expect(node.endpoints.get(endpointId(3))).toMatchObject({ state: 'waiting-for-identity' });
    node.put(node.intent.pods, { ...other, uid: 'a later one' });
    await node.settle();
    expect(node.word(3)).toBeUndefined();
    node.put(node.intent.pods, other);
    await node.settle();
    expect(node.word(3)).toBeDefined();
  });

  it('opens no endpoint whose programs are broken, whatever happens to its pod, until they are mended', async () => {
    const node = await shop();
    const id = endpointId(1);
    node.kernel.words.clear(id);
    node.endpoints.transition(id, { type: 'broke' }, 'no program');
    const stores: number[] = [];
    node.kernel.words.onSet = (endpoint) => stores.push(endpoint);
    const { pod } = node.endpoints.get(id)?.record ?? { pod: other };
    const row = podRow(pod.name, { app: 'another' });
    for (const happens of [
      () => node.put(node.intent.pods, row),
      () => node.put(node.intent.policies, onlyFrom('backend', 'another', 'other')),
      () => node.drop(node.intent.pods, row),
      () => node.put(node.intent.pods, row),
      () => node.engine.kick(),
    ]) {
      happens();
      await node.settle();
      expect(node.endpoints.get(id)).toMatchObject({ state: 'broken', detail: 'no program' });
    }
    expect(stores).not.toContain(1);
    node.endpoints.transition(id, { type: 'mended' });
    node.engine.kick();
    await node.settle();
    expect(node.endpoints.get(id)?.state).toBe('ready');
    expect(node.word(1)?.identity).toBe(idOf(node, pod.name));
  });

  it('binds an endpoint without uid to the first pod that it served', async () => {
    const node = await shop();
    const late = podRow('late');
    node.endpoints.add(recordOf(9, late, ''), 'creating');
    node.endpoints.replaceRecord({ ...recordOf(9, late), pod: { namespace: 'shop', name: 'late', uid: undefined } });
    node.endpoints.transition(endpointId(9), { type: 'connected' });
    node.put(node.intent.pods, late);
    await node.settle();
    expect(node.endpoints.get(endpointId(9))?.record.pod.uid).toBe('uid-late');
    node.drop(node.intent.pods, late);
    node.put(node.intent.pods, { ...late, uid: 'second' });
    await node.settle();
    expect(node.word(9)).toBeUndefined();
  });

  it('takes over what an earlier life wrote, without a store', async () => {
    const first = await shop();
    const before = [1, 2, 3].map(first.word);
    const outside = first.outside();
    const stores: number[] = [];
    first.kernel.words.onSet = (id) => stores.push(id);
    const second = await fakeNode(first.kernel);
    for (const [id, pod] of [
      [1, backend],
      [2, frontend],
      [3, other],
    ] as const)
      second.endpoints.add(recordOf(id, pod), 'ready');
    await second.settle();
    second.put(second.intent.namespaces, namespaceRow('shop'));
    second.put(second.intent.policies, onlyFrom('backend', 'backend', 'frontend'));
    second.put(second.intent.pods, backend, frontend, other);
    second.sync();
    await second.settle();
    expect([1, 2, 3].map(second.word)).toEqual(before);
    expect(second.outside()).toEqual(outside);
    expect(stores).toEqual([]);
  });

  it('turns every word when an earlier life died while an address was getting another owner', async () => {
    const first = await shop();
    const before = [1, 2, 3].map((id) => first.word(id)?.revision);
    const [[id, word] = expect.fail()] = first.outside();
    first.kernel.words.set(id, { ...word, identity: identityId(0) });
    const second = await shop(first.kernel);
    expect(second.word(1)?.identity).toBe(idOf(second, 'backend'));
    expect([1, 2, 3].some((endpoint) => before.includes(second.word(endpoint)?.revision))).toBe(false);
  });

  it('goes on with nothing of an earlier life for a pod that has become somebody else', async () => {
    const first = await shop();
    const former = await admitted(first, 1);
    expect(former).toContain(idOf(first, 'frontend'));
    const second = await fakeNode(first.kernel);
    second.put(second.intent.namespaces, namespaceRow('shop'));
    // So many rules that their table is made beside the passes: until it is there nobody gets in.
    const ports = Array.from({ length: 4_000 }, (_, port) => ({ port: port + 1 }));
    const from = [{ podSelector: { matchLabels: { app: 'other' } } }];
    second.put(second.intent.policies, policyRow('big', { podSelector: {}, ingress: [{ from, ports }] }));
    second.put(second.intent.pods, podRow('backend', { app: 'frontend' }), frontend, other);
    second.endpoints.add(recordOf(1, backend), 'ready');
    const states: (string | undefined)[] = [];
    second.kernel.words.onSet = (id, { identity }) => {
      if (id === 1) states.push(second.installer.get(identity)?.states.ingress.inForce);
    };
    second.sync();
    await second.settle();
    expect(idOf(second, 'backend')).toBe(idOf(first, 'frontend'));
    expect(states).not.toContain('former');
    expect(states.at(-1)).toBe('wanted');
  });

  it('has a number on disk before a word states it, and knows nobody by one that means nobody any more', async () => {
    const kernel = new FakeKernel();
    const unsaved: number[] = [];
    kernel.words.onSet = (id, { identity }) => {
      const isSaved = JSON.stringify(kernel.numbers ?? '').includes(String(identity));
      if (!isOutside(id) && !isSaved) unsaved.push(identity);
    };
    const node = await shop(kernel);
    expect(unsaved).toEqual([]);
    const id = identityId(idOf(node, 'other'));
    expect(node.repository.identity(id)).toBeDefined();
    node.drop(node.intent.pods, other);
    await node.settle();
    await node.clock.advance(3_600_000);
    await node.settle();
    expect(node.allocator.get(id)).toBeUndefined();
    expect(node.repository.identity(id)).toBeUndefined();
  });

  it('goes on with no table of an earlier life that could not take the peers of the rules of now', async () => {
    const toEverybody = { ports: [{ port: 80 }] };
    const toOthers = { to: [{ podSelector: { matchLabels: { app: 'late' } } }], ports: [{ port: 81 }] };
    const egress = (...rules: unknown[]) =>
      policyRow('out', { podSelector: { matchLabels: { app: 'backend' } }, policyTypes: ['Egress'], egress: rules });
    const first = await shop(new FakeKernel(), egress(toEverybody));
    const second = await fakeNode(first.kernel);
    second.endpoints.add(recordOf(1, backend), 'ready');
    second.put(second.intent.namespaces, namespaceRow('shop'));
    second.put(second.intent.policies, egress(toEverybody, toOthers));
    second.put(second.intent.pods, backend);
    second.sync();
    await second.settle();
    second.put(second.intent.pods, podRow('late', { app: 'late' }, { nodeName: 'node-2', podIPs: ['10.244.2.7'] }));
    await second.settle();
    expect(second.engine.problem).toBeUndefined();
    expect((await second.tableOf(1, 'egress'))?.peers.has(identityId(idOf(second, 'late')))).toBe(true);
  });

  it('judges what changed while no agent was there', async () => {
    const first = await shop();
    const second = await fakeNode(first.kernel);
    second.endpoints.add(recordOf(1, backend), 'ready');
    second.put(second.intent.namespaces, namespaceRow('shop'));
    second.put(second.intent.policies, onlyFrom('backend', 'backend', 'other'));
    second.put(second.intent.pods, backend, frontend, other);
    second.sync();
    await second.settle();
    expect(await admitted(second, 1)).toContain(idOf(second, 'other'));
    expect(await admitted(second, 1)).not.toContain(idOf(second, 'frontend'));
    await second.clock.advance(1000);
    await second.settle();
    expect(await second.revisions()).toEqual([second.word(1)?.revision]);
  });

  it('states who is behind remote addresses, and makes connections with the outside be judged anew', async () => {
    const node = await shop();
    const remote = podRow('remote', { app: 'frontend' }, { nodeName: 'node-2', podIPs: ['10.244.2.7'] });
    const at3 = () => node.kernel.words.get(outsideOf(parseAddr('172.18.0.3')));
    const before = at3()?.revision ?? 0;
    node.put(node.intent.nodes, nodeRow('node-2', ['172.18.0.3'], ['10.244.2.0/24']));
    node.put(node.intent.pods, remote);
    await node.settle();
    const at = (addr: string) => node.kernel.ipcache.get(Prefix.host(parseAddr(addr)))?.identity;
    expect(at('10.244.2.7')).toBe(idOf(node, 'remote'));
    expect(at('172.18.0.3')).toBe(RESERVED_IDS['remote-node']);
    expect(at3()).toMatchObject({ identity: RESERVED_IDS.host });
    expect(at3()?.revision).toBeGreaterThan(before);
    node.put(node.intent.pods, { ...remote, podIPs: ['172.18.0.1', '10.244.9.9', 'nonsense'] });
    await node.settle();
    const { world, 'pod-range': nobody } = RESERVED_IDS;
    expect(['10.244.2.7', '172.18.0.1', '10.244.9.9'].map(at)).toEqual([nobody, world, world]);
  });

  describe('words of what is outside', () => {
    const remote = podRow('remote', { app: 'frontend' }, { nodeName: 'node-2', podIPs: ['10.244.2.7'] });
    const nodes = [nodeRow(FAKE_NODE, [], ['10.244.1.0/24']), nodeRow('node-2', ['172.18.0.3'], ['10.244.2.0/24'])];

    /** Everything settled; then what `change` does, and the words that are others after it. */
    async function turned(node: Shop, change: () => void): Promise<EndpointId[]> {
      const before = new Map(node.outside());
      change();
      await node.settle();
      return node.outside().flatMap(([id, { revision }]) => (before.get(id)?.revision === revision ? [] : [id]));
    }
    const known = async (): Promise<Shop> => {
      const node = await shop();
      node.put(node.intent.nodes, ...nodes);
      await node.settle();
      return node;
    };
    const word = (addr: string): EndpointId => outsideOf(parseAddr(addr));

    it('stand still while pods of this node come, are relabelled and go', async () => {
      const node = await known();
      const pod = podRow('brief', { app: 'new' });
      const come = () => {
        node.put(node.intent.pods, pod);
        node.connect(20, pod);
      };
      expect(await turned(node, come)).toEqual([]);
      expect(await turned(node, () => node.put(node.intent.pods, { ...pod, labels: { app: 'newer' } }))).toEqual([]);
      const go = () => {
        node.drop(node.intent.pods, pod);
        node.endpoints.transition(endpointId(20), { type: 'delete' });
        node.endpoints.remove(endpointId(20));
      };
      expect(await turned(node, go)).toEqual([]);
      expect(node.kernel.endpoints.get(parseAddr('10.244.1.20'))).toBeUndefined();
    });

    it('turn for one address only: when a pod elsewhere goes or becomes another, not when it comes', async () => {
      const node = await known();
      expect(await turned(node, () => node.put(node.intent.pods, remote))).toEqual([]);
      const relabelled = { ...remote, labels: { app: 'other' } };
      expect(await turned(node, () => node.put(node.intent.pods, relabelled))).toEqual([word('10.244.2.7')]);
      expect(await turned(node, () => node.drop(node.intent.pods, remote))).toEqual([word('10.244.2.7')]);
    });

    it('turn for an address of the world that becomes a pod’s or a node’s, here or elsewhere', async () => {
      const node = await shop();
      node.put(node.intent.nodes, nodeRow('node-4', ['172.18.0.4'], []));
      await node.settle();
      const stray = podRow('stray', {}, { nodeName: 'node-4', podIPs: ['203.0.113.9'] });
      expect(await turned(node, () => node.put(node.intent.pods, stray)), 'nobody gives it out').toEqual([]);
      const giver = nodeRow('node-4', ['172.18.0.4'], ['203.0.113.9/32']);
      expect(await turned(node, () => node.put(node.intent.nodes, giver))).toEqual([word('203.0.113.9')]);
      const late = podRow('late');
      const come = () => {
        node.put(node.intent.pods, late);
        node.connect(30, late);
      };
      expect(await turned(node, come), 'no range is known that it lies in').toEqual([word('10.244.1.30')]);
      const third = nodeRow('node-3', ['198.51.100.3'], []);
      expect(await turned(node, () => node.put(node.intent.nodes, third))).toEqual([word('198.51.100.3')]);
      expect(await turned(node, () => node.drop(node.intent.nodes, third))).toEqual([word('198.51.100.3')]);
    });

    it('turn, all of them, when a range of the cluster comes or goes', async () => {
      const node = await shop();
      expect(await turned(node, () => node.put(node.intent.nodes, ...nodes))).toEqual(OUTSIDE_WORDS);
      const gone = () => node.drop(node.intent.nodes, ...nodes);
      expect(await turned(node, gone), 'it rests').toEqual([word('172.18.0.3')]);
      await node.clock.advance(600_000);
      expect(await turned(node, () => undefined)).toEqual(OUTSIDE_WORDS);
    });

    it('stand still for prefixes that policies name', async () => {
      const node = await known();
      node.put(node.intent.pods, remote);
      await node.settle();
      const cidr = policyRow('cidr', { podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }] });
      expect(await turned(node, () => node.put(node.intent.policies, cidr))).toEqual([]);
      expect(node.kernel.ipcache.get(Prefix.parse('10.244.2.7/32'))?.cidrIdentity).not.toBe(0);
      expect(await turned(node, () => node.drop(node.intent.policies, cidr))).toEqual([]);
      await node.clock.advance(300);
      expect(await turned(node, () => undefined)).toEqual([]);
    });

    it('turn also when the agent dies, or a write fails, before it has said that an address changed hands', async () => {
      const node = await known();
      node.put(node.intent.pods, remote);
      await node.settle();
      const before = node.kernel.words.get(word('10.244.2.7'));
      const { ipcache } = node.kernel;
      const whole = ipcache.deleteMany.bind(ipcache);
      const dead = Promise.withResolvers<never>();
      ipcache.deleteMany = async (prefixes) => {
        await whole(prefixes);
        return await dead.promise;
      };
      node.drop(node.intent.pods, remote);
      node.others.follow();
      await expect.poll(() => ipcache.get(Prefix.parse('10.244.2.7/32'))?.identity).toBe(RESERVED_IDS['pod-range']);
      ipcache.deleteMany = whole;
      const next = await shop(node.kernel);
      next.put(next.intent.nodes, ...nodes);
      await next.settle();
      const after = next.kernel.words.get(word('10.244.2.7'));
      expect(after?.identity).toBe(RESERVED_IDS.host);
      expect(after?.revision).toBeGreaterThan(before?.revision ?? 0);
      dead.reject(new Error('a failed write'));
      await node.settle();
    });

    it('are no endpoint’s', () => {
      expect(OUTSIDE_WORDS[0]).toBe(LAST_ENDPOINT_ID + 1);
    });
  });

  it('gives prefixes identities, also as second identity of pods and nodes', async () => {
    const node = await shop();
    const cidr = (text: string) => node.cidrs.get(Prefix.parse(text))?.id;
    node.put(
      node.intent.policies,
      policyRow('cidr', {
        podSelector: {},
        egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.244.1.2/32'] } }] }],
      }),
    );
    await node.settle();
    const local = (addr: string) => node.kernel.endpoints.get(parseAddr(addr))?.cidrIdentity;
    expect(node.kernel.ipcache.get(Prefix.parse('10.9.9.9/32'))?.identity).toBe(cidr('10.0.0.0/8'));
    expect(local('10.244.1.1')).toBe(cidr('10.0.0.0/8'));
    expect(local('10.244.1.2')).toBe(cidr('10.244.1.2/32'));
    expect(local('172.18.0.2')).toBe(0);
    node.drop(node.intent.policies, policyRow('cidr', {}));
    await node.settle();
    await node.clock.advance(300);
    await node.settle();
    const rows = await node.kernel.ipcache.entries();
    expect(rows.map(([prefix, { identity }]) => [prefix.toString(), identity])).toEqual([
      ['0.0.0.0/0', RESERVED_IDS.world],
      ['::/0', RESERVED_IDS.world],
    ]);
    expect(local('10.244.1.1')).toBe(0);
  });

  it('writes nothing for a policy that is staged, and enforces it once it is not', async () => {
    const node = await shop();
    const before = await admitted(node, 2);
    const { revision } = node.word(2) ?? {};
    const isolating = policyRow('closing', {
      podSelector: {},
      ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }],
    });
    node.put(node.intent.policies, { ...isolating, stage: 'true' });
    await node.settle();
    expect([await admitted(node, 2), node.word(2)?.revision, node.cidrs.size]).toEqual([before, revision, 0]);
    expect(node.policies.staged.policies.size).toBe(1);
    node.put(node.intent.policies, isolating);
    await node.settle();
    expect([node.word(2)?.revision === revision, node.cidrs.size, node.policies.staged.policies.size]).toEqual([
      false,
      1,
      0,
    ]);
    node.put(node.intent.policies, { ...isolating, stage: 'true' });
    await node.settle();
    expect(await admitted(node, 2), 'as it was').toEqual(before);
  });

  it('closes by what a policy says now and cannot be read, whatever it was before', async () => {
    const node = await shop();
    const before = await admitted(node, 1);
    expect(before).toHaveLength(2);
    const selected = { podSelector: { matchLabels: { app: 'backend' } } };
    node.put(node.intent.policies, policyRow('backend', { ...selected, ingress: [{ later: 1 }] }));
    await node.settle();
    expect(await admitted(node, 1)).toEqual([RESERVED_IDS.host]);
    expect([...node.policies.problems.keys()]).toEqual(['NetworkPolicy shop/backend']);

    const after = await shop(node.kernel, policyRow('backend', { ...selected, ingress: [{ later: 1 }] }));
    expect(await admitted(after, 1)).toEqual([RESERVED_IDS.host]);
    expect([...after.policies.problems.keys()]).toEqual(['NetworkPolicy shop/backend']);
  });

  it('changes no verdict by the prefixes of another tenant, at no moment', async () => {
    const mine = {
      podSelector: { matchLabels: { app: 'backend' } },
      policyTypes: ['Egress'],
      egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.9.0.0/16'] } }] }],
    };
    const addresses = { '10.1.2.3': true, '10.9.1.1': false, '11.0.0.1': false, '10.200.0.1': true } as const;
    const around = ['0.0.0.0/0', '8.0.0.0/5', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32', '10.9.0.0/16', '10.9.1.0/24'];
    const names = ['p', 'q'] as const;
    const step = fc.record({ name: fc.constantFrom(...names), cidrs: fc.subarray([...around, '11.0.0.1/32', '::/0']) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const node = await shop(new FakeKernel(), policyRow('backend', mine));
        const { ipcache, policy } = node.kernel;
        const look = (when: string): void => {
          const pair = policy.revisions.get(policyRevision(node.word(1)?.revision ?? 0));
          const table = pair?.[DIRECTIONS.indexOf('egress')] ?? policyTableId(0);
          for (const [addr, allowed] of Object.entries(addresses)) {
            const peer = ipcache.get(Prefix.host(parseAddr(addr)))?.identity ?? identityId(0);
            const row = policy.rows.get({
              prefixlen: 72,
              table,
              group: policy.peers.get({ table, peer }) ?? 0,
              protocol: 0,
              port: 0,
            });
            expect(row?.verdict === 'allow', `${addr} ${when}`).toBe(allowed);
          }
        };
        look('before');
        ipcache.setMany = async (entries) => {
          for (const [prefix, value] of entries) {
            ipcache.set(prefix, value);
            look(`after ${prefix.toString()} came`);
          }
        };
        ipcache.deleteMany = async (prefixes) => {
          for (const prefix of prefixes) {
            ipcache.delete(prefix);
            look(`after ${prefix.toString()} went`);
          }
          return 0;
        };
        for (const { name, cidrs } of steps) {
          const row = policyRow(name, {
            podSelector: { matchLabels: { app: 'other' } },
            policyTypes: ['Egress'],
            egress: [{ to: cidrs.map((cidr) => ({ ipBlock: { cidr } })) }],
          });
          if (cidrs.length === 0) node.drop(node.intent.policies, row);
          else node.put(node.intent.policies, row);
          await node.settle();
          look(`at the end of ${name}`);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('never states a table that is not complete, whatever happens in whatever order', async () => {
    const app = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('pod' as const), n: fc.nat(3), app }),
      fc.record({ kind: fc.constant('gone' as const), n: fc.nat(3), app }),
      fc.record({ kind: fc.constant('policy' as const), n: fc.nat(2), app, from: app }),
      fc.record({ kind: fc.constant('open' as const), n: fc.nat(2), app, from: app }),
      fc.record({ kind: fc.constant('time' as const), n: fc.nat(2), app }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const node = await fakeNode();
        node.put(node.intent.namespaces, namespaceRow('shop'));
        node.sync();
        const pods = Array.from({ length: 4 }, (_, n) => podRow(`p${n}`, { app: 'a' }));
        for (const [n, pod] of pods.entries()) node.connect(n + 1, pod);
        node.kernel.words.onSet = (endpoint, word) => {
          if (!isOutside(endpoint)) expectComplete(node, word);
        };
        for (const s of steps) {
          if (s.kind === 'pod') node.put(node.intent.pods, podRow(`p${s.n}`, { app: s.app }));
          else if (s.kind === 'gone') node.drop(node.intent.pods, podRow(`p${s.n}`));
          else if (s.kind === 'policy') node.put(node.intent.policies, onlyFrom(`n${s.n}`, s.app, s.from));
          else if (s.kind === 'open') node.drop(node.intent.policies, onlyFrom(`n${s.n}`, s.app, s.from));
          else await node.clock.advance(s.n * 400_000);
          if (s.n !== 1) await node.settle();
          expect(node.engine.problem).toBeUndefined();
        }
        await node.settle();
        expect(node.engine.problem).toBeUndefined();
        for (const [n, pod] of pods.entries()) {
          const identity = node.identities.get(namespacedName(pod));
          const word = node.word(n + 1);
          expect(word?.identity).toBe(identity?.id);
          if (word !== undefined) expectComplete(node, word);
        }
        await node.clock.advance(1_000);
        await node.settle();
        const named = new Set(pods.flatMap((_, n) => node.word(n + 1)?.revision ?? []));
        expect(new Set(await node.revisions())).toEqual(named);
      }),
      { numRuns: 150 },
    );
  });
});

/** Every peer of what the policies say is in the tables that the word names, with the same rows. */
function expectComplete(node: Shop, { identity, revision }: EndpointWord): void {
  const { policy } = node.kernel;
  const pair = policy.revisions.get(revision);
  const rules = node.repository.rulesOf(identity);
  for (const [index, direction] of DIRECTIONS.entries()) {
    const table = pair?.[index] ?? policyTableId(0);
    const wanted = compileTable(node.repository.compileInput(rules[direction]));
    for (const { peer, protocol, port, portBits, verdict, precedence } of rowsOf(wanted, direction)) {
      const group = policy.peers.get({ table, peer }) ?? 0;
      const row = policy.rows.get(policyKey(table, group, { protocol, port, portBits }));
      expect(row, `${direction} from ${peer}`).toMatchObject({ verdict, precedence });
    }
  }
}
