import type { Finding } from '../../api/index.ts';
import { bounded, fine, some } from './finding.ts';
import type { DeviceSysctls, Sysctls } from './sysctls.ts';

export type SysctlFacts = {
  readonly sysctls: Sysctls;
  /** Host ends of the pods' devices. */
  readonly podDevices: ReadonlySet<string>;
  readonly nodeDevices: ReadonlySet<string>;
};

const STRICT = 1;

export function judgeSysctls(facts: SysctlFacts): Finding[] {
  return [
    ...judgeRouteLocalnet(facts.sysctls.devices),
    ...judgeForwarding(facts.sysctls),
    ...judgeRpFilter(facts),
    ...judgeIpv4Redirects(facts),
    ...judgeIpv6(facts),
  ];
}

function judgeRouteLocalnet(devices: readonly DeviceSysctls[]): Finding[] {
  const check = 'route_localnet';
  const set = devices.filter(({ routeLocalnet }) => routeLocalnet === 1).map(({ device }) => device);
  if (set.length === 0) return [fine(check, 'is 0 on all devices')];
  const reach = (device: string): string => {
    if (device === 'all') return 'on all devices at once';
    return device === 'default' ? 'on every device that is yet to come' : `on ${device}`;
  };
  return bounded(
    set.map((device) => ({
      severity: 'critical',
      check,
      evidence: `net.ipv4.conf.${device}.route_localnet is 1: neighbours reach what listens on 127.0.0.1, ${reach(device)} (CVE-2020-8558)`,
      remedy: `sysctl -w net.ipv4.conf.${device}.route_localnet=0, and stop who sets it: kube-proxy does, Membrane needs it nowhere.`,
    })),
  );
}

function judgeForwarding({ ipForward }: Sysctls): Finding[] {
  const check = 'ip_forward';
  if (ipForward !== 0) return [fine(check, 'the node forwards')];
  const evidence = 'net.ipv4.ip_forward is 0: pods reach nothing beyond the node';
  return [{ severity: 'warning', check, evidence, remedy: 'sysctl -w net.ipv4.ip_forward=1' }];
}

/** The kernel takes the larger of `all` and the device's own (Documentation/networking/ip-sysctl.rst). */
function judgeRpFilter({ sysctls, podDevices, nodeDevices }: SysctlFacts): Finding[] {
  const check = 'rp_filter';
  const all = sysctls.devices.find(({ device }) => device === 'all')?.rpFilter ?? 0;
  const strict = sysctls.devices
    .filter(
      ({ device, rpFilter }) => Math.max(all, rpFilter ?? 0) === STRICT && isOurs(device, podDevices, nodeDevices),
    )
    .map(({ device }) => device);
  if (strict.length === 0) return [fine(check, 'is not strict where pods are')];
  return [
    {
      severity: 'warning',
      check,
      evidence: `strict on ${some(strict)}: packets that come another way than they are answered are lost without a reason`,
      remedy: 'Set net.ipv4.conf.all.rp_filter=2 (loose); pods are kept to their addresses at their devices anyway.',
    },
  ];
}

function judgeIpv4Redirects({ sysctls, podDevices, nodeDevices }: SysctlFacts): Finding[] {
  const isAll = sysctls.devices.find(({ device }) => device === 'all')?.acceptRedirects === 1;
  const accepting = sysctls.devices.filter(({ device, acceptRedirects }) => {
    if (!isOurs(device, podDevices, nodeDevices)) return false;
    // With forwarding both must agree, without it one is enough (include/linux/inetdevice.h, IN_DEV_RX_REDIRECTS).
    return sysctls.ipForward === 1 ? isAll && acceptRedirects === 1 : isAll || acceptRedirects === 1;
  });
  return neighbourPower({
    check: 'accept_redirects',
    devices: accepting.map(({ device }) => device),
    podDevices,
    power: 'ICMP redirects move routes of the node',
    remedy: 'sysctl -w net.ipv4.conf.all.accept_redirects=0',
  });
}

function judgeIpv6({ sysctls, podDevices, nodeDevices }: SysctlFacts): Finding[] {
  const awake = sysctls.devices.filter(
    ({ device, ipv6Disabled }) => ipv6Disabled === 0 && isOurs(device, podDevices, nodeDevices),
  );
  const names = (list: readonly DeviceSysctls[]): string[] => list.map(({ device }) => device);
  return [
    ...neighbourPower({
      check: 'accept_ra',
      // 1: only while the device does not forward; 2: always.
      devices: names(
        awake.filter(
          ({ ipv6AcceptRa, ipv6Forwarding }) => ipv6AcceptRa === 2 || (ipv6AcceptRa === 1 && ipv6Forwarding === 0),
        ),
      ),
      podDevices,
      power: 'router advertisements give the node addresses and a default route (CVE-2020-10749)',
      remedy: 'Set net.ipv6.conf.<device>.accept_ra=0 for each, unless your network is configured that way.',
    }),
    ...neighbourPower({
      check: 'IPv6 accept_redirects',
      devices: names(
        awake.filter(({ ipv6AcceptRedirects, ipv6Forwarding }) => ipv6AcceptRedirects === 1 && ipv6Forwarding === 0),
      ),
      podDevices,
      power: 'ICMPv6 redirects move routes of the node',
      remedy: 'Set net.ipv6.conf.<device>.accept_redirects=0 for each.',
    }),
  ];
}

/** What a neighbour may do: a pod never should, on the node's own network it may be meant. */
function neighbourPower(options: {
  readonly check: string;
  readonly devices: readonly string[];
  readonly podDevices: ReadonlySet<string>;
  readonly power: string;
  readonly remedy: string;
}): Finding[] {
  const { check, devices, podDevices, power, remedy } = options;
  if (devices.length === 0) return [fine(check, 'is off at devices of pods and of the node')];
  const severity = devices.some((device) => podDevices.has(device)) ? 'warning' : 'info';
  return [{ severity, check, evidence: `on for ${some(devices)}: ${power}`, remedy }];
}

function isOurs(device: string, podDevices: ReadonlySet<string>, nodeDevices: ReadonlySet<string>): boolean {
  return nodeDevices.has(device) || podDevices.has(device);
}
