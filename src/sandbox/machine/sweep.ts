import { readdir, readFile, rm, rmdir, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Logger, systemClock } from '../../base/index.ts';
import { Cgroup } from './cgroup.ts';
import { attempt } from './command.ts';
import { deleteNetns, listNetns } from './netns.ts';
import type { NodePlace } from './node-place.ts';
import { AGENT_STATE_DIR, PIN_DIR, STATE_DIR, WORLD } from './paths.ts';
import { ProcessRecords } from './process-record.ts';
import { disconnectNode } from './topology.ts';

/** Files with the pid and start time of the sandbox's own processes. */
export function processRecords(): ProcessRecords {
  return new ProcessRecords(join(STATE_DIR, 'processes'));
}

/**
 * In small lots with a pause: the kernel frees each program in a work item of its own, and a thousand of them at once
 * leave no room in its queue for the work that loading a program waits for; then both wait for good (seen on 6.18).
 */
const LOT = 32;
const PAUSE_MS = 25;

async function removePins(dir: string): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch(() => []);
  const pins = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  for (const [index, pin] of pins.entries()) {
    await unlink(pin);
    if (index % LOT === LOT - 1) await systemClock.sleep(PAUSE_MS);
  }
  await rm(dir, { recursive: true, force: true });
}

/** Namespaces that a sandbox and the demonstration make; tests of other parts have theirs beside them. */
export function isSandboxNetns(name: string): boolean {
  return name === WORLD || /^mbr-(node-\d+|pod-[0-9a-f]+|neighbour|control-[a-z]+)$/.test(name);
}

/** Removes `dir/node-N` of every node, and `dir` itself when nothing else is in it. */
async function removeNodeFolders(dir: string, remove: (path: string) => Promise<void>): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  for (const name of names.filter((entry) => /^node-\d+$/.test(entry))) await remove(join(dir, name));
  await rmdir(dir).catch(() => undefined);
}

/** Mounts under a folder, deepest first. */
async function sweepMounts(dir: string): Promise<void> {
  const mounts = await readFile('/proc/mounts', 'utf8');
  const ours = mounts.split('\n').flatMap((line) => line.split(' ')[1] ?? []);
  for (const path of ours.filter((at) => at.startsWith(`${dir}/`)).toReversed()) await attempt(['umount', path]);
}

/**
 * Removes everything that a sandbox leaves: processes, namespaces, links, pins, cgroups, files. Idempotent, and right after
 * a crash at any point. The caller holds the machine's lock. Processes are known by pid and start time or by our cgroup, never by name.
 */
export async function sweep(log: Logger, graceMs = 5_000): Promise<void> {
  await processRecords().end(graceMs);
  await Cgroup.root().remove();
  const namespaces = (await listNetns()).filter(isSandboxNetns);
  await Promise.all(namespaces.map((name) => deleteNetns(name)));
  await removeNodeFolders(PIN_DIR, removePins);
  await sweepMounts(STATE_DIR);
  await removeNodeFolders(AGENT_STATE_DIR, (path) => rm(path, { recursive: true, force: true }));
  await rm(STATE_DIR, { recursive: true, force: true });
  log.debug({ namespaces: namespaces.length }, 'swept');
}

/** What a node that leaves has left: `namespaces` are its pods', by path. Its processes have ended. */
export async function removeNode(
  node: NodePlace,
  { namespaces, log }: { namespaces: readonly string[]; log: Logger },
): Promise<void> {
  await disconnectNode(node);
  await Cgroup.root().child(node.name).remove();
  await Promise.all(namespaces.map((path) => deleteNetns(basename(path))));
  await deleteNetns(node.netns);
  await removePins(node.pinDir);
  await sweepMounts(node.dir);
  for (const dir of [node.agentDir, node.dir]) await rm(dir, { recursive: true, force: true });
  log.debug({ node: node.name, namespaces: namespaces.length }, 'node removed');
}
