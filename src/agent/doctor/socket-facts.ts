import { existsSync } from 'node:fs';
import { type HookProgram, pinnedPrograms, socketPrograms, socketsAttached } from '../../datapath/index.ts';
import type { SocketFacts } from './judge-sockets.ts';

export type SocketPlace = {
  readonly enabled: boolean;
  /** Undefined: the programs are attached nowhere. */
  readonly cgroup: string | undefined;
  readonly pinDir: string;
};

/** Throws E_DATAPATH_ATTACH. */
export function socketFacts({ enabled, cgroup, pinDir }: SocketPlace): SocketFacts {
  if (!enabled) return { state: 'off' };
  if (cgroup === undefined) return { state: 'none' };
  // A cgroup that was removed took its programs along.
  const programs = existsSync(cgroup) ? socketPrograms(cgroup) : new Map<string, HookProgram[]>();
  const attached = socketsAttached({ cgroup, pinDir });
  return { state: 'steered', cgroup, attached, pinned: pinnedPrograms(pinDir), programs };
}
