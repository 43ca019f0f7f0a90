import { expect, test } from 'vitest';
import { type NamespacedName, namespacedName } from '../base/index.ts';
import { CidrIdentities, RESERVED_IDS } from '../identity/index.ts';
import { identityId, type SliceSpec } from '../model/index.ts';
import { Prefix, parseAddr } from '../net/index.ts';
import { AddressBook } from './address-book.ts';
import { ApiServers } from './api-servers.ts';
import { Intent } from './intent.ts';

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
  const book = new AddressBook({ cidrs: new CidrIdentities(), cidrSelects: [] });
  const servers = new ApiServers({ intent, book });
  book.followRanges({ pods: [Prefix.parse('10.244.0.0/16')], services: [Prefix.parse('10.96.0.0/16')] });
  book.setNode(
    namespacedName({ name: 'n2' }),
    [parseAddr('172.18.0.3'), parseAddr('172.18.1.3')],
    parseAddr('172.18.0.3'),
  );
  const owner = { kind: 'pod', key: 'x/a' as NamespacedName } as const;
  book.setPod(parseAddr('10.244.1.2'), { owner, identity: identityId(256), tunnel: null });
  const said = (told: SliceSpec) => {
    intent.slices.set(told);
    servers.follow();
    const rows = book.desired();
    return (address: string) => rows.get(`${address}/32`)?.value.identity;
  };
  return { intent, book, servers, said };
}

test('a node is an API server where one says that it answers, for as long as it says so', () => {
  const { book, intent, servers, said } = world();
  const at = said(slice('kubernetes', '172.18.0.3'));
  expect(['172.18.0.3', '172.18.1.3'].map(at)).toEqual([SERVER, NODE]);
  expect(book.desired().get('172.18.0.3/32')?.value.tunnel).toBe('172.18.0.3');
  expect(said(slice('kubernetes', '172.18.1.3'))('172.18.0.3')).toBe(NODE);
  intent.slices.delete(namespacedName({ namespace: 'default', name: 'kubernetes' }));
  servers.follow();
  expect(book.desired().get('172.18.1.3/32')?.value.identity).toBe(NODE);
});

test('nobody else becomes one, nor by a slice that anybody may write', () => {
  const { said } = world();
  const at = said(slice('kubernetes', '10.244.1.2', '10.244.1.3', '10.96.0.5', '192.0.2.7', 'example.org'));
  expect(['10.244.1.2', '10.244.1.3', '10.96.0.5', '192.0.2.7'].map(at)).toEqual([
    256,
    undefined,
    undefined,
    undefined,
  ]);
  expect(said(slice('kubernetes-2', '172.18.0.3'))('172.18.0.3')).toBe(NODE);
});
