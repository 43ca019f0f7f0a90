import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { judgeSysctls } from './judge-sysctls.ts';
import { bad } from './samples.ts';
import { type DeviceSysctls, readSysctls, routeLocalnetDevices } from './sysctls.ts';

const quiet = (device: string): DeviceSysctls => ({
  device,
  routeLocalnet: 0,
  rpFilter: 0,
  acceptRedirects: 0,
  ipv6Disabled: 0,
  ipv6Forwarding: 0,
  ipv6AcceptRa: 0,
  ipv6AcceptRedirects: 0,
});

type Changes = Readonly<Record<string, Partial<DeviceSysctls>>>;

function judged(changes: Changes, ipForward: number | undefined = 1): string[] {
  const devices = ['all', 'default', 'eth0', 'lo', 'mbr0001', 'other0'].map((name) => ({
    ...quiet(name),
    ...changes[name],
  }));
  return bad(
    judgeSysctls({ sysctls: { ipForward, devices }, podDevices: new Set(['mbr0001']), nodeDevices: new Set(['eth0']) }),
  );
}

describe('sysctls', () => {
  it.each<[string, Changes, RegExp]>([
    ['route_localnet of all', { all: { routeLocalnet: 1 } }, /^critical route_localnet: .*conf\.all\..*on all devices/],
    ['route_localnet of default', { default: { routeLocalnet: 1 } }, /^critical route_localnet: .*yet to come/],
    ['of a device that is not ours', { other0: { routeLocalnet: 1 } }, /^critical route_localnet: .*on other0/],
    ['strict of all', { all: { rpFilter: 1 } }, /^warning rp_filter: strict on eth0, mbr0001:/],
    ['strict of a pod', { mbr0001: { rpFilter: 1 } }, /^warning rp_filter: strict on mbr0001:/],
    [
      'redirects at a pod',
      { all: { acceptRedirects: 1 }, mbr0001: { acceptRedirects: 1 } },
      /^warning accept_redirects/,
    ],
    [
      'redirects at the uplink',
      { all: { acceptRedirects: 1 }, eth0: { acceptRedirects: 1 } },
      /^info accept_redirects/,
    ],
    ['advertisements of a pod', { mbr0001: { ipv6AcceptRa: 1 } }, /^warning accept_ra: on for mbr0001/],
    ['even while forwarding', { eth0: { ipv6AcceptRa: 2, ipv6Forwarding: 1 } }, /^info accept_ra: on for eth0/],
    ['redirects by IPv6', { eth0: { ipv6AcceptRedirects: 1 } }, /^info IPv6 accept_redirects: on for eth0/],
  ])('%s is found', (_, changes, expected) => {
    expect(judged(changes)).toEqual([expect.stringMatching(expected)]);
  });

  it.each<[string, Changes]>([
    ['nothing', {}],
    ['loose wins over strict', { all: { rpFilter: 1 }, eth0: { rpFilter: 2 }, mbr0001: { rpFilter: 2 } }],
    ['strict elsewhere', { other0: { rpFilter: 1 } }],
    ['forwarding, and only one says so', { eth0: { acceptRedirects: 1 }, mbr0001: { acceptRedirects: 1 } }],
    ['IPv6 is off', { mbr0001: { ipv6Disabled: 1, ipv6AcceptRa: 2, ipv6AcceptRedirects: 1 } }],
    ['a router heeds neither', { eth0: { ipv6Forwarding: 1, ipv6AcceptRa: 1, ipv6AcceptRedirects: 1 } }],
    ['a kernel without IPv6', { eth0: { ipv6Disabled: undefined, ipv6AcceptRa: undefined } }],
  ])('%s: fine', (_, changes) => {
    expect(judged(changes)).toEqual([]);
  });

  it('no forwarding is a warning, and then one redirect switch is enough', () => {
    expect(judged({ eth0: { acceptRedirects: 1 } }, 0)).toEqual([
      expect.stringMatching(/^warning ip_forward/),
      expect.stringMatching(/^info accept_redirects: on for eth0/),
    ]);
    expect(judged({}, undefined)).toEqual([]);
  });

  it('names so many devices and counts the rest', () => {
    const devices = Array.from({ length: 300 }, (_, i) => ({ ...quiet(`d${i}`), routeLocalnet: 1 }));
    const facts = { sysctls: { ipForward: 1, devices }, podDevices: new Set<string>(), nodeDevices: new Set(['eth0']) };
    const critical = judgeSysctls(facts).filter(({ severity }) => severity === 'critical');
    expect(critical).toHaveLength(17);
    expect(critical.at(-1)?.evidence).toBe('284 more of these, at worst critical');
  });
});

it('reads what the files say, of devices that are half gone too', () => {
  const root = mkdtempSync(join(tmpdir(), 'membrane-sysctls-'));
  const put = (path: string, value: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), value);
  };
  put('ipv4/ip_forward', '1\n');
  put('ipv4/conf/all/route_localnet', '0\n');
  put('ipv4/conf/eth0.100/route_localnet', '1\n');
  put('ipv4/conf/eth0.100/rp_filter', '2\n');
  mkdirSync(join(root, 'ipv4/conf/gone'));
  const { ipForward, devices } = readSysctls(root);
  expect(ipForward).toBe(1);
  expect(devices.map(({ device, routeLocalnet, rpFilter }) => [device, routeLocalnet, rpFilter])).toEqual([
    ['all', 0, undefined],
    ['eth0.100', 1, 2],
    ['gone', undefined, undefined],
  ]);
  expect(routeLocalnetDevices(root)).toEqual(['eth0.100']);
  rmSync(root, { recursive: true });
});
