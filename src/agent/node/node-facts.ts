import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Netdev } from '../../datapath/index.ts';
import type { Ifindex } from '../../model/index.ts';
import { type Addr, parseAddr, parseMac } from '../../net/index.ts';
import { agentErrors } from '../errors.ts';

/** Next hop of every pod; nobody has this address, the datapath answers for it. */
export const GATEWAY = parseAddr('169.254.1.1');
export const GATEWAY_MAC = parseMac('0a:58:a9:fe:01:01');

export type Uplink = { readonly name: string; readonly ifindex: Ifindex; readonly mtu: number; readonly addr: Addr };

/** The device of the default route, from /proc/net/route (kernel, net/ipv4/fib_trie.c); undefined: there is none. */
export function defaultRouteDevice(table = readFileSync('/proc/thread-self/net/route', 'ascii')): string | undefined {
  const RTF_UP = 1;
  const routes = table
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter(([, destination, , flags = '0', , , , mask]) => {
      return destination === '00000000' && mask === '00000000' && (Number.parseInt(flags, 16) & RTF_UP) !== 0;
    });
  return routes.toSorted((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}

/** E_AGENT_UPLINK when there is no such device, or it has no IPv4 address. */
export async function findUplink(netdev: Netdev, configured: string | undefined): Promise<Uplink> {
  const name = configured ?? defaultRouteDevice();
  if (name === undefined) throw agentErrors.make('E_AGENT_UPLINK', { detail: 'there is no default route' });
  const link = await netdev.findLink(name);
  if (link === undefined) throw agentErrors.make('E_AGENT_UPLINK', { detail: `there is no device ${name}` });
  const entry = networkInterfaces()[name]?.find(({ family }) => family === 'IPv4');
  if (entry === undefined)
    throw agentErrors.make('E_AGENT_UPLINK', { detail: `${name} has no IPv4 address, or is down` });
  return { name, ifindex: link.ifindex, mtu: link.mtu, addr: parseAddr(entry.address) };
}
