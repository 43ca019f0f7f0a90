import { join } from 'node:path';
import { inCgroupArgv, REPOSITORY } from '../machine/index.ts';
import type { Mount } from './volumes/mounts.ts';
import type { MemoryVolume } from './volumes/pod-volumes.ts';

/**
 * The argument lists that put a process into a pod: into its cgroup first, so that none is ever outside. No string of a
 * tenant is ever read by a shell.
 */

/** Built from pod-init. */
const POD = join(REPOSITORY, 'build/membrane-pod');

/** Makes the terminal that a process has on its standard input that of a session of its own. */
const OWN_TERMINAL = ['setsid', '--ctty', '--'];

/** The process that holds a pod's ipc, uts and mount namespaces. Writes one byte to fd 3 when they are there. */
export function holderArgv(options: {
  readonly procsFile: string;
  readonly netns: string;
  readonly hostname: string;
  readonly memory: readonly MemoryVolume[];
}): string[] {
  const memory = options.memory.flatMap(({ path, options: how }) => ['--tmpfs', path, how]);
  const hold = [POD, 'hold', options.hostname, ...memory];
  return inCgroupArgv(options.procsFile, ['nsenter', `--net=${options.netns}`, '--', ...hold]);
}

/** A container's process. Writes one byte to fd 3 just before it becomes the command. */
export function containerArgv(options: {
  readonly procsFile: string;
  readonly netns: string;
  /** Whose other namespaces are shared; of its mounts, a copy. */
  readonly holder: number;
  readonly privileged: boolean;
  readonly privileges: readonly string[];
  readonly workingDir: string;
  readonly readOnlyRoot: boolean;
  /** A folder where the container's root is put together; several may use it at once. */
  readonly stage: string;
  readonly mounts: readonly Mount[];
  readonly argv: readonly string[];
  /** Its standard input is a terminal. */
  readonly tty?: boolean;
  /** A process, as seen from here, in whose pid namespace it runs; in one of its own when left out. */
  readonly beside?: number | undefined;
}): string[] {
  const shared = ['ipc', 'uts'].map((kind) => `--${kind}=/proc/${options.holder}/ns/${kind}`);
  if (options.beside !== undefined) shared.push(`--pid=/proc/${options.beside}/ns/pid`);
  const enter = ['nsenter', `--net=${options.netns}`, ...shared, `--mount=/proc/${options.holder}/ns/mnt`, '--'];
  // --kill-child: when this parent goes, the container goes. Into a pid namespace that is there nsenter forks by itself.
  const alone = options.beside === undefined ? ['--pid', '--fork', '--kill-child'] : [];
  const own = ['unshare', '--mount', ...alone, '--propagation', 'private', '--'];
  const root = [
    ...(options.privileged ? [] : ['--read-only-kernel']),
    ...(options.readOnlyRoot ? ['--read-only-root'] : []),
    '--stage',
    options.stage,
    '--cwd',
    options.workingDir,
    ...options.mounts.flatMap(({ source, sub, target, readOnly }) => {
      return ['--mount', source, sub, target, readOnly ? 'ro' : 'rw'];
    }),
  ];
  const terminal = options.tty === true ? OWN_TERMINAL : [];
  const command = [...terminal, 'setpriv', ...options.privileges, '--', ...options.argv];
  return inCgroupArgv(options.procsFile, [...enter, ...own, POD, 'enter', ...root, '--', ...command]);
}

/** One more process in a running container. `init` is the pid, outside, of the container's first process. */
export function execArgv(options: {
  readonly procsFile: string;
  readonly init: number;
  readonly privileges: readonly string[];
  readonly workingDir: string;
  readonly argv: readonly string[];
  /** Its standard input is a terminal. */
  readonly tty?: boolean;
}): string[] {
  const enter = ['nsenter', '--target', String(options.init), '--mount', '--pid', '--net', '--ipc', '--uts'];
  const terminal = options.tty === true ? OWN_TERMINAL : [];
  const command = [...terminal, 'setpriv', ...options.privileges, '--', ...options.argv];
  return inCgroupArgv(options.procsFile, [...enter, `--wdns=${options.workingDir}`, '--', ...command]);
}
