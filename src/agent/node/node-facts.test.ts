import type { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { defaultRouteDevice, nodeAddresses } from './node-facts.ts';

const HEADER = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const route = (device: string, destination: string, flags: string, metric: number, mask: string): string =>
  `${device}\t${destination}\t010012AC\t${flags}\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`;

describe('defaultRouteDevice', () => {
  it('is the device of the default route with the lowest metric that is up', () => {
    const table =
      HEADER +
      route('lan0', '0000A8C0', '0001', 0, '0000FFFF') +
      route('down0', '00000000', '0002', 0, '00000000') +
      route('slow0', '00000000', '0003', 600, '00000000') +
      route('eth0', '00000000', '0003', 100, '00000000') +
      route('half0', '00000000', '0001', 0, '00000080');
    expect(defaultRouteDevice(table)).toBe('eth0');
    expect(defaultRouteDevice(HEADER)).toBeUndefined();
  });
});

it('the node has every address but 127/8 and IPv6', () => {
  const at = (address: string, internal: boolean, family: 'IPv4' | 'IPv6' = 'IPv4') =>
    ({ address, family, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }) as const;
  const interfaces: ReturnType<typeof networkInterfaces> = {
    lo: [at('127.0.0.1', true), at('127.8.0.1', true), at('10.99.0.1', true), at('::1', true, 'IPv6')],
    eth0: [at('172.18.0.2', false), at('172.18.0.77', false), at('fe80::1', false, 'IPv6')],
  };
  expect(nodeAddresses(interfaces)).toEqual(['10.99.0.1', '172.18.0.2', '172.18.0.77']);
});
