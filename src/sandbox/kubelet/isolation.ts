import { inCgroupArgv } from '../machine/index.ts';

/**
 * The argument lists that put a process into a pod: into its cgroup first, so that none is ever outside. The scripts are constants and get everything else as positional
 * parameters: no string of a tenant is ever read by a shell.
 */

/** $1 = host name. Holds the namespaces that a pod's containers share, and finishes them. */
const HOLD = 'ip link set lo up && hostname -- "$1" && printf . >&3 && exec 3>&- && exec sleep infinity';

/**
 * Runs in a fresh mount and pid namespace, as root with all capabilities. $1 = ro|rw for /sys and /proc/sys, $2 = working
 * directory. A copy of /run/netns would keep the namespaces of deleted pods alive; /run and /sys hold the sandbox's
 * tokens, the agents' sockets and pins, and processes in pods are root.
 */
const CONFINE = [
  'umount -l /run/netns 2>/dev/null',
  'mount -t sysfs -o nosuid,nodev,noexec,"$1" sysfs /sys || exit 125',
  'mount -t tmpfs -o nosuid,nodev,mode=755,size=64m tmpfs /run || exit 125',
  'if [ "$1" = ro ]; then mount -o bind,ro /proc/sys /proc/sys || exit 125; fi',
  'cd -- "$2" || exit 125',
  'shift 2; printf . >&3; exec 3>&-; exec "$@"',
].join('\n');

/** The process that holds a pod's ipc and uts namespaces. Writes one byte to fd 3 when they are there. */
export function holderArgv(options: { procsFile: string; netns: string; hostname: string }): string[] {
  const enter = ['nsenter', `--net=${options.netns}`, '--', 'unshare', '--ipc', '--uts', '--'];
  return inCgroupArgv(options.procsFile, [...enter, 'sh', '-c', HOLD, 'hold', options.hostname]);
}

/** A container's process. Writes one byte to fd 3 just before it becomes the command. */
export function containerArgv(options: {
  readonly procsFile: string;
  readonly netns: string;
  /** Whose ipc and uts namespaces are shared. */
  readonly holder: number;
  readonly privileged: boolean;
  readonly privileges: readonly string[];
  readonly workingDir: string;
  readonly argv: readonly string[];
}): string[] {
  const shared = `/proc/${options.holder}/ns`;
  const enter = ['nsenter', `--net=${options.netns}`, `--ipc=${shared}/ipc`, `--uts=${shared}/uts`, '--'];
  // --kill-child: when this parent goes, the container goes.
  const own = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private', '--'];
  const confine = ['sh', '-c', CONFINE, 'confine', options.privileged ? 'rw' : 'ro', options.workingDir];
  const command = ['setpriv', ...options.privileges, '--', ...options.argv];
  return inCgroupArgv(options.procsFile, [...enter, 'unshare', ...own, ...confine, ...command]);
}

/** Makes the terminal that a process has on its standard input that of a session of its own. */
const OWN_TERMINAL = ['setsid', '--ctty', '--'];

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
