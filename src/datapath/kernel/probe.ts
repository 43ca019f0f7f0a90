import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { datapathErrors } from '../errors.ts';
import { BPFFS, isBpffs } from './bpffs.ts';
import { hasErrno } from './errno.ts';
import type { OwnedFd } from './fd.ts';
import type { MapSpec } from './map-spec.ts';
import { mapCreate, progLoad, TCX_INGRESS, tcxQuery } from './syscall.ts';

/** One thing that the datapath needs of the kernel. */
export type Feature = {
  readonly name: string;
  /** First kernel that has it, or what provides it. */
  readonly since: string;
  readonly works: boolean;
  /** Why not. */
  readonly reason?: string;
  /** It may work for somebody with more privilege. */
  readonly isDenied?: boolean;
};

const MINIMUM = [6, 6] as const;

export function kernelIsNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

type Check = { readonly name: string; readonly since: string; readonly run: (pinRoot: string) => void };

const BPF_PROG_TYPE_SCHED_CLS = 3;
const LOOPBACK = 1;

/** Creates or loads something and lets go of it. */
function letGo(fd: OwnedFd): void {
  fd.close();
}

function mapCheck(since: string, spec: MapSpec): Check {
  return { name: `map type ${spec.type}`, since, run: () => letGo(mapCreate(spec)) };
}

/** `r1..r5 = 0; call helper; exit`: the verifier knows the helper, or says that it does not. */
function helperProgram(helper: number): Uint8Array {
  const moves = [1, 2, 3, 4].map((register) => [0xb7, register, 0, 0, 0, 0, 0, 0]);
  const call = [0x85, 0, 0, 0, helper, 0, 0, 0];
  const end = [
    [0xb7, 0, 0, 0, 0, 0, 0, 0],
    [0x95, 0, 0, 0, 0, 0, 0, 0],
  ];
  return Uint8Array.from([...moves, call, ...end].flat());
}

function helperCheck(name: string, number: number, since: string): Check {
  return { name, since, run: () => letGo(progLoad(BPF_PROG_TYPE_SCHED_CLS, helperProgram(number))) };
}

function demand(holds: boolean, reason: string): void {
  if (!holds) throw new Error(reason);
}

const CHECKS: readonly Check[] = [
  {
    name: 'kernel version',
    since: MINIMUM.join('.'),
    run: () => demand(kernelIsNewEnough(release()), `this is ${release()}`),
  },
  mapCheck('4.11', { name: 'probe', type: 'lpmTrie', keySize: 8, valueSize: 4, maxEntries: 1, flags: 1 }),
  mapCheck('4.10', { name: 'probe', type: 'lruHash', keySize: 4, valueSize: 4, maxEntries: 64, flags: 0 }),
  mapCheck('5.8', { name: 'probe', type: 'ringBuffer', keySize: 0, valueSize: 0, maxEntries: 65_536, flags: 0 }),
  helperCheck('bpf_redirect_neigh', 152, '5.10'),
  helperCheck('bpf_redirect_peer', 155, '5.10'),
  { name: 'tcx links', since: '6.6', run: () => void tcxQuery(LOOPBACK, TCX_INGRESS) },
  {
    name: 'BTF',
    since: '5.2, CONFIG_DEBUG_INFO_BTF',
    run: () => demand(existsSync('/sys/kernel/btf/vmlinux'), 'there is no /sys/kernel/btf/vmlinux'),
  },
  {
    name: 'bpffs',
    since: '4.4',
    run: (root) => demand(isBpffs(root), `none is mounted at ${root}; mount -t bpf bpffs ${root}`),
  },
];

/** Tries every feature, for `membrane doctor`. A few milliseconds; attaches nothing and leaves nothing. */
export function probeFeatures(pinRoot: string = BPFFS): Feature[] {
  return CHECKS.map(({ name, since, run }): Feature => {
    try {
      run(pinRoot);
      return { name, since, works: true };
    } catch (error) {
      const isDenied = hasErrno(error, 'EPERM', 'EACCES');
      return { name, since, works: false, isDenied, reason: isDenied ? 'not permitted: run as root' : reasonOf(error) };
    }
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Before the agent touches anything. Throws E_DATAPATH_PERMISSION without privilege, E_DATAPATH_FEATURE with the names
 * and minimum versions of all that is missing.
 */
export function requireFeatures(pinRoot: string = BPFFS): void {
  const missing = probeFeatures(pinRoot).filter((feature) => !feature.works);
  if (missing.length === 0) return;
  const denied = missing.find((feature) => feature.isDenied);
  if (denied !== undefined) throw datapathErrors.make('E_DATAPATH_PERMISSION', { detail: `probe of ${denied.name}` });
  const detail = missing.map((f) => `${f.name} (since ${f.since}): ${f.reason ?? ''}`).join('; ');
  throw datapathErrors.make('E_DATAPATH_FEATURE', { detail });
}
