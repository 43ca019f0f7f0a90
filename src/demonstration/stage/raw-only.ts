import { containerCapabilities, inNetnsArgv, setprivArgs } from '../../sandbox/index.ts';
import type { Seat } from '../tools/index.ts';

/** CapEff of a process with CAP_NET_RAW (bit 13) and no other capability. */
export const ONLY_NET_RAW = '0000000000002000';

/** A seat in a network namespace that has every capability but CAP_NET_RAW taken away, beyond recall. */
export function rawOnly(name: string, netns: string): Seat {
  const capabilities = containerCapabilities({ drop: ['ALL'], add: ['NET_RAW'] });
  if (capabilities.kind === 'unknown') throw new TypeError(capabilities.name);
  const privileges = ['setpriv', ...setprivArgs(capabilities), '--no-new-privs', '--'];
  return { name, prefix: inNetnsArgv(netns, privileges) };
}
