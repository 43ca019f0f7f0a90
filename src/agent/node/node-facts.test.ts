import { describe, expect, it } from 'vitest';
import { defaultRouteDevice } from './node-facts.ts';

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
