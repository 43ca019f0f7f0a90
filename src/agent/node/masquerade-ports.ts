import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../base/index.ts';

export type Ports = { readonly min: number; readonly max: number };

/**
 * Most of Linux' default range of ephemeral ports and all above it: towards one remote end a node needs more ports for
 * its pods than for itself. What is left to the node, 32768-36863, is kept clear of by node ports below it.
 */
export const MASQUERADE_PORTS: Ports = { min: 36_864, max: 65_535 };

/** Above Linux' default range of ephemeral ports, which nobody has to give up. */
export const UNRESERVED_PORTS: Ports = { min: 61_000, max: 65_535 };

const SYSCTL = 'ip_local_reserved_ports';
const ROOT = '/proc/sys/net/ipv4';

/** The kernel's list of ports and ranges: `8080,36864-65535`. */
export function parsePorts(text: string): Ports[] {
  return text
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [min = NaN, max = min] = part.split('-').map(Number);
      return { min, max };
    });
}

/** Ranges that touch are one in the kernel's own listing. */
export function isReserved(listed: readonly Ports[], wanted: Ports): boolean {
  let next = wanted.min;
  for (const { min, max } of listed.toSorted((a, b) => a.min - b.min)) if (min <= next) next = Math.max(next, max + 1);
  return next > wanted.max;
}

function textOf(ports: readonly Ports[]): string {
  return ports.map(({ min, max }) => (min === max ? `${min}` : `${min}-${max}`)).join(',');
}

/** Of the network namespace of this process's main thread. Undefined: this kernel does not say. */
export function reservedPorts(root = ROOT): Ports[] | undefined {
  try {
    return parsePorts(readFileSync(join(root, SYSCTL), 'ascii'));
  } catch {
    return undefined;
  }
}

/**
 * Asks the kernel to give the node's own sockets no port of the masquerade range by itself, beside what others have
 * reserved. Returns the range to use: the small one when the kernel does not do it. The reservation stays when the agent
 * ends, because connections do.
 */
export function reserveMasqueradePorts(log: Logger, root = ROOT): Ports {
  const listed = reservedPorts(root);
  if (listed !== undefined && isReserved(listed, MASQUERADE_PORTS)) return MASQUERADE_PORTS;
  try {
    writeFileSync(join(root, SYSCTL), textOf([...(listed ?? []), MASQUERADE_PORTS]));
  } catch (error) {
    log.warn({ error }, 'masquerade ports could not be reserved: few are used');
    return UNRESERVED_PORTS;
  }
  return isReserved(reservedPorts(root) ?? [], MASQUERADE_PORTS) ? MASQUERADE_PORTS : UNRESERVED_PORTS;
}

/** The node's own sockets may have the ports again, but for what others have reserved outside of the range. False: they had. */
export function releaseMasqueradePorts(root = ROOT): boolean {
  const listed = reservedPorts(root);
  if (listed === undefined || !isReserved(listed, MASQUERADE_PORTS)) return false;
  const rest = listed
    .filter(({ min }) => min < MASQUERADE_PORTS.min)
    .map(({ min, max }) => ({ min, max: Math.min(max, MASQUERADE_PORTS.min - 1) }));
  // An empty write changes nothing: the kernel's word for none is a line without a port.
  writeFileSync(join(root, SYSCTL), `${textOf(rest)}\n`);
  return true;
}
