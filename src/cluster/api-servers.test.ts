import { expect, test } from 'vitest';
import { type NamespacedName, namespacedName } from '../base/index.ts';
import { CidrIdentities, isCidrId, RESERVED_IDS } from '../identity/index.ts';
import { entityIncludes } from '../identity/reserved.ts';
import {
  type Entity,
  type IdentityId,
  identityId,
  identityLabels,
  type PeerSelector,
  type PolicyEntry,
  type SliceSpec,
} from '../model/index.ts';
import { Prefix, parseAddr } from '../net/index.ts';
import { PolicyRepository } from '../policy/index.ts';
import { sampleEntry, sampleKey } from '../policy/samples.ts';
import { AddressBook } from './address-book.ts';
import { ApiServers } from './api-servers.ts';
import { Intent } from './intent.ts';
import { nodeRow } from './samples.ts';

const SERVER = RESERVED_IDS['kube-apiserver'];
const NODE = RESERVED_IDS['remote-node'];

function slice(name: string, ...addresses: string[]): SliceSpec {
  const endpoint = {
    ready: true,
    serving: true,
    terminating: false,
    nodeName: '',
    pod: '',
    zones: [],
    nodes: [],
  } as const;
  return {
    uid: name,
    namespace: 'default',
    name,
    service: 'kubernetes',
    addressType: 'IPv4',
    ports: [],
    endpoints: addresses.map((address) => ({ ...endpoint, address })),
  };
}

function world() {
  const intent = new Intent();
  const cidrs = new CidrIdentities();
  const repository = new PolicyRepository({ cidrs });
  const book = new AddressBook({ cidrs, cidrSelects: [] });
  const servers = new ApiServers({ intent, book, repository, nodeName: 'n1' });
  book.followRanges({ pods: [Prefix.parse('10.244.0.0/16')], services: [Prefix.parse('10.96.0.0/16')] });
  intent.nodes.set(nodeRow('n1', ['172.18.0.2'], []));
  const setNode = (...addrs: string[]) =>
    book.setNode(namespacedName({ name: 'n2' }), addrs.map(parseAddr), parseAddr('172.18.0.3'));
  setNode('172.18.0.3', '172.18.1.3');
  const owner = { kind: 'pod', key: 'x/a' as NamespacedName } as const;
  book.setPod(parseAddr('10.244.1.2'), { owner, identity: identityId(256), tunnel: null });
  const follow = () => {
    servers.follow();
    book.followPrefixes();
    const rows = book.desired();
    return (address: string) => rows.get(`${address}/32`)?.value.identity;
  };
  const said = (told: SliceSpec) => {
    intent.slices.set(told);
    return follow();
  };
  /** Whether it is one of those that the entity includes. */
  const isApiServer = (id: IdentityId | undefined) => {
    const identity = id === undefined ? undefined : repository.identity(id);
    return identity !== undefined && entityIncludes('kube-apiserver', identity);
  };
  return { intent, book, repository, servers, setNode, follow, said, isApiServer };
}

test('a node is an API server where one says that it answers, for as long as it says so', () => {
  const { book, intent, follow, said } = world();
  const at = said(slice('kubernetes', '172.18.0.3'));
  expect(['172.18.0.3', '172.18.1.3'].map(at)).toEqual([SERVER, NODE]);
  expect(book.desired().get('172.18.0.3/32')?.value.tunnel).toBe('172.18.0.3');
  expect(said(slice('kubernetes', '172.18.1.3'))('172.18.0.3')).toBe(NODE);
  intent.slices.delete(namespacedName({ namespace: 'default', name: 'kubernetes' }));
  expect(follow()('172.18.1.3')).toBe(NODE);
});

test('one that is on no node is somebody outside and an API server, for as long as it says so', () => {
  const { book, intent, repository, said, follow, isApiServer } = world();
  const id = said(slice('kubernetes', '192.0.2.7'))('192.0.2.7');
  expect(isApiServer(id)).toBe(true);
  // Of this node only, so that no packet in the overlay can say that somebody is it; and in no tunnel.
  expect(isCidrId(id ?? expect.fail())).toBe(true);
  expect(book.desired().get('192.0.2.7/32')?.value.tunnel).toBeNull();
  const identity = repository.identity(id ?? expect.fail()) ?? expect.fail();
  expect(identityLabels(identity)).toEqual(['cidr:192.0.2.7/32', 'reserved:kube-apiserver', 'reserved:world']);
  const is = (entity: Entity) => entityIncludes(entity, identity);
  expect((['world', 'cluster', 'remote-node'] as const).map(is)).toEqual([true, false, false]);

  const moved = said(slice('kubernetes', '192.0.2.8'));
  expect(moved('192.0.2.7')).toBeUndefined();
  expect(isApiServer(moved('192.0.2.8'))).toBe(true);
  intent.slices.delete(namespacedName({ namespace: 'default', name: 'kubernetes' }));
  expect(follow()('192.0.2.8')).toBeUndefined();
  expect(repository.cidrs.size).toBe(0);
});

test('where a policy names its address, it is both; what it is besides, policy hears of', () => {
  const { repository, said, follow, intent, isApiServer } = world();
  const peers = (peer: PeerSelector): PolicyEntry => sampleEntry({ peers: [peer] });
  const block = { kind: 'prefix', prefix: Prefix.parse('192.0.2.7/32'), except: [] } as const;
  repository.upsertPolicy(sampleKey('block'), [peers(block)]);
  repository.upsertPolicy(sampleKey('server'), [peers({ kind: 'entity', entity: 'kube-apiserver' })]);
  const before = follow()('192.0.2.7');
  expect([before === undefined, isApiServer(before)]).toEqual([false, false]);
  const after = said(slice('kubernetes', '192.0.2.7'))('192.0.2.7');
  expect([after, isApiServer(after)]).toEqual([before, true]);
  intent.slices.delete(namespacedName({ namespace: 'default', name: 'kubernetes' }));
  expect([follow()('192.0.2.7'), isApiServer(before)]).toEqual([before, false]);
});

test('its address may become a node’s, and be nobody’s again', () => {
  const { setNode, said, follow, isApiServer } = world();
  expect(isApiServer(said(slice('kubernetes', '192.0.2.7'))('192.0.2.7'))).toBe(true);
  setNode('172.18.0.3', '192.0.2.7');
  expect(follow()('192.0.2.7')).toBe(SERVER);
  setNode('172.18.0.3');
  expect(isApiServer(follow()('192.0.2.7'))).toBe(true);
});

test('nobody else becomes one, nor by a slice that anybody may write', () => {
  const { repository, said } = world();
  const others = ['10.244.1.2', '10.244.1.3', '10.96.0.5', '172.18.0.2'];
  const at = said(slice('kubernetes', ...others, 'example.org'));
  expect(others.map(at)).toEqual([256, undefined, undefined, undefined]);
  const nobody = said(slice('kubernetes-2', '172.18.0.3', '192.0.2.7'));
  expect(['172.18.0.3', '192.0.2.7'].map(nobody)).toEqual([NODE, undefined]);
  expect(repository.cidrs.size).toBe(0);
});

test('says where API servers answer, by whom their addresses are of, and as long as it is so', () => {
  const { intent, servers, follow } = world();
  const ports = [{ name: 'https', protocol: 'TCP', port: 6443 }] as const;
  const set = (...addresses: string[]): void => {
    intent.slices.set({ ...slice('kubernetes', ...addresses), ports });
    follow();
  };
  const responders = () => servers.ends.map(({ responder }) => responder);
  set('172.18.0.2', '172.18.0.3', '172.18.1.3');
  expect(servers.ends).toEqual([
    { responder: RESERVED_IDS.host, protocol: 'TCP', port: 6443 },
    { responder: SERVER, protocol: 'TCP', port: 6443 },
  ]);
  const before = servers.ends;
  set('172.18.0.3', '172.18.0.2');
  expect(servers.ends, 'the same array while it is so').toBe(before);
  set('203.0.113.7');
  expect(responders().map(isCidrId), 'outside').toEqual([true]);
  set('10.244.1.2', '10.244.1.9', '10.96.0.1');
  expect(responders(), 'pods and services are none, whoever says so').toEqual([]);
});
