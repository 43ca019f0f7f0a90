import type { networkInterfaces } from 'node:os';
import { expect, it } from 'vitest';
import { parseAddr } from '../../net/index.ts';
import { NodeAddresses, nodeAddresses } from './node-addresses.ts';

it('the node has every address but 127/8 and IPv6', () => {
  const at = (address: string, internal: boolean, family: 'IPv4' | 'IPv6' = 'IPv4') =>
    ({ address, family, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }) as const;
  const interfaces: ReturnType<typeof networkInterfaces> = {
    lo: [at('127.0.0.1', true), at('127.8.0.1', true), at('10.99.0.1', true), at('::1', true, 'IPv6')],
    'kube-ipvs0': [at('10.96.0.1', false)],
    eth0: [at('172.18.0.2', false), at('172.18.0.77', false), at('fe80::1', false, 'IPv6')],
  };
  expect(nodeAddresses(interfaces)).toEqual(['10.99.0.1', '172.18.0.2', '172.18.0.77']);
});

it('are asked for again only when something may have changed', () => {
  let asked = 0;
  let isNew = true;
  const addresses = new NodeAddresses({ take: () => isNew }, () => {
    asked += 1;
    return [parseAddr(`172.18.0.${asked}`)];
  });
  expect(addresses.all).toEqual(['172.18.0.1']);
  isNew = false;
  expect(addresses.all).toEqual(['172.18.0.1']);
  isNew = true;
  expect(addresses.all).toEqual(['172.18.0.2']);
});
