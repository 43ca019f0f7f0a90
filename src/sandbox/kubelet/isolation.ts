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

/** Of the machine's programs that come before a container's: its own PATH is for its own. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * What a process is to be started with for `env` to be the environment of the command at the end of its argument list. No
 * name of it is one that the programs before that listen to, or that a shell drops (`discovery.type`).
 */
export function podEnvironment(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  const words = Object.entries(env).map(([name, value], i) => [`POD_ENV_${i}`, `${name}=${value}`] as const);
  return { PATH, ...Object.fromEntries(words) };
}

/** As runtimes have it (containerd 2's `enable_unprivileged_ports`): whoever is not root may serve port 80. */
const OWN_SYSCTLS = [['net/ipv4/ip_unprivileged_port_start', '0']] as const;

/** The process that holds a pod's ipc, uts and mount namespaces. Writes one byte to fd 3 when they are there. */
export function holderArgv(options: {
  readonly procsFile: string;
  readonly netns: string;
  readonly hostname: string;
  readonly memory: readonly MemoryVolume[];
  /** The network namespace is the pod's alone, and not its node's. */
  readonly ownNetwork: boolean;
}): string[] {
  const sysctls = options.ownNetwork ? OWN_SYSCTLS.flatMap((pair) => ['--sysctl', ...pair]) : [];
  const memory = options.memory.flatMap(({ path, options: how }) => ['--tmpfs', path, how]);
  const hold = [POD, 'hold', options.hostname, ...sysctls, ...memory];
  return inCgroupArgv(options.procsFile, ['nsenter', `--net=${options.netns}`, '--', ...hold]);
}

/** A container's process. Writes one byte to fd 3 and closes it by becoming the command; more than that says why it did not. */
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
  const mounts = `--mount=/proc/${options.holder}/ns/mnt`;
  // The next program forks, and so is itself in the namespace for processes that it is to enter.
  const enter = ['nsenter', '--no-fork', `--net=${options.netns}`, ...shared, mounts, '--'];
  const root = [
    ...(options.beside === undefined ? [] : ['--beside']),
    ...(options.tty === true ? ['--terminal'] : []),
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
  const command = [...options.privileges, '--', ...options.argv];
  return inCgroupArgv(options.procsFile, [...enter, POD, 'enter', ...root, ...command]);
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
  const place = ['--cwd', options.workingDir, ...(options.tty === true ? ['--terminal'] : [])];
  const command = [...options.privileges, '--', ...options.argv];
  return inCgroupArgv(options.procsFile, [POD, 'exec', String(options.init), ...place, ...command]);
}
