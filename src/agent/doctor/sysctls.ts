import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of one device; `all` counts for every one, `default` for those to come. Undefined: this kernel has no such switch. */
export type DeviceSysctls = {
  readonly device: string;
  readonly routeLocalnet: number | undefined;
  readonly rpFilter: number | undefined;
  readonly acceptRedirects: number | undefined;
  readonly ipv6Disabled: number | undefined;
  readonly ipv6Forwarding: number | undefined;
  readonly ipv6AcceptRa: number | undefined;
  readonly ipv6AcceptRedirects: number | undefined;
};

export type Sysctls = { readonly ipForward: number | undefined; readonly devices: readonly DeviceSysctls[] };

const ROOT = '/proc/sys/net';

/**
 * Of the network namespace of this process's main thread: /proc/sys/net shows that of who opens it. Synchronous, because
 * another thread may stand in another one.
 */
export function readSysctls(root = ROOT): Sysctls {
  return {
    ipForward: number(join(root, 'ipv4/ip_forward')),
    devices: devicesIn(root).map((device) => {
      const v4 = (name: string): number | undefined => number(join(root, 'ipv4/conf', device, name));
      const v6 = (name: string): number | undefined => number(join(root, 'ipv6/conf', device, name));
      return {
        device,
        routeLocalnet: v4('route_localnet'),
        rpFilter: v4('rp_filter'),
        acceptRedirects: v4('accept_redirects'),
        ipv6Disabled: v6('disable_ipv6'),
        ipv6Forwarding: v6('forwarding'),
        ipv6AcceptRa: v6('accept_ra'),
        ipv6AcceptRedirects: v6('accept_redirects'),
      };
    }),
  };
}

/** Devices that have route_localnet set, `all` and `default` among them. */
export function routeLocalnetDevices(root = ROOT): string[] {
  return devicesIn(root).filter((device) => number(join(root, 'ipv4/conf', device, 'route_localnet')) === 1);
}

function devicesIn(root: string): string[] {
  return readdirSync(join(root, 'ipv4/conf')).toSorted();
}

/** A device may go between two looks. As UTF-8, which Node reads in one call: there are hundreds of them. */
function number(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
