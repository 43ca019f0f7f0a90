import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, run } from './command.ts';
import { NETNS_DIR, NETNS_PREFIX, safeSegment } from './paths.ts';

/** argv that runs `argv` inside a network namespace. Not `ip netns exec`, which would hide /sys/fs/bpf. */
export function inNetnsArgv(path: string, argv: readonly string[]): string[] {
  return ['nsenter', `--net=${path}`, '--', ...argv];
}

export function netnsPath(name: string): string {
  return join(NETNS_DIR, safeSegment(name));
}

/** Makes a named network namespace; its loopback is still down. */
export async function createNetns(name: string): Promise<string> {
  const path = netnsPath(name);
  await run(['ip', 'netns', 'add', name]);
  return path;
}

/** Idempotent. Devices that only live in it go with it. */
export async function deleteNetns(name: string): Promise<void> {
  const path = netnsPath(name);
  const result = await attempt(['ip', 'netns', 'del', name]);
  // A half-made one is a plain file that is not a mount: `ip` refuses it.
  if (result.code !== 0) await rm(path, { force: true }).catch(() => undefined);
}

/** Names of all namespaces of ours, left over ones too. */
export async function listNetns(prefix: string = NETNS_PREFIX): Promise<string[]> {
  const names = await readdir(NETNS_DIR).catch(() => []);
  return names.filter((name) => name.startsWith(prefix) && name.startsWith(NETNS_PREFIX));
}

/** Runs lines of `ip -batch` inside a namespace: one process for all. */
export async function ipBatch(name: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await run(['ip', '-n', name, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Writes sysctls (`net/ipv4/ip_forward` form) of a namespace. Constant paths only. */
export async function setSysctls(path: string, values: Readonly<Record<string, string | number>>): Promise<void> {
  // /proc/sys/net shows the namespace of the process that opens it, hence a process inside.
  const script = 'while [ $# -gt 0 ]; do [ ! -e "$1" ] || printf %s "$2" > "$1" || exit 1; shift 2; done';
  const args = Object.entries(values).flatMap(([key, value]) => [`/proc/sys/${key}`, String(value)]);
  await run(inNetnsArgv(path, ['sh', '-c', script, 'sysctl', ...args]));
}
