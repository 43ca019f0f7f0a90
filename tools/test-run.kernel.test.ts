import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cgroupMount } from '../src/sandbox/machine/cgroup.ts';

const ROOT = join(import.meta.dirname, '..');
const title =
  spawnSync(join(import.meta.dirname, 'private-view.sh'), ['true']).status === 0 ? '' : ' (no private views)';

/** A file that makes what scenarios make: namespaces, an agent with pins and records, a cgroup, mounts. */
const FILE = 'test/scenarios/first-hop.test.ts';

const names = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

const processes = (): string[] => names('/proc').filter((name) => /^\d+$/.test(name) && commandLine(name) !== '');

/** All that a run makes on a machine, this file's view of one. */
const made = () => ({
  processes: processes().map((pid) => `${pid} ${commandLine(pid)}`),
  cgroups: names(cgroupMount(readFileSync('/proc/mounts', 'utf8')) ?? '').filter((name) => name.startsWith('mbr')),
  namespaces: names('/run/netns'),
  records: names('/run').filter((name) => name.startsWith('m')),
  pins: names('/sys/fs/bpf'),
  temporary: names(tmpdir()).filter((name) => name.startsWith('mbr')),
  mounts: readFileSync('/proc/mounts', 'utf8'),
});

describe.skipIf(title !== '')(`nothing of \`npm test\` is left${title}`, () => {
  it.each<[string, (pid: number) => void]>([
    ['Ctrl-C', (pid) => process.kill(-pid, 'SIGINT')],
    ['SIGTERM to it', (pid) => process.kill(pid, 'SIGTERM')],
    ['SIGKILL to it', (pid) => process.kill(pid, 'SIGKILL')],
  ])('after %s in the middle of a scenario', async (_, end) => {
    const before = made();
    // A session of its own, as from a terminal.
    const child = spawn('npm', ['test', '--', '--project', 'kernel', FILE], {
      cwd: ROOT,
      detached: true,
      stdio: 'ignore',
    });
    const gone = once(child, 'exit');
    const hasAgent = () => processes().some((pid) => /main\.ts agent --config /.test(commandLine(pid)));
    await expect.poll(hasAgent, { timeout: 280_000 }).toBe(true);
    expect(made().cgroups).not.toEqual(before.cgroups);
    end(child.pid ?? 0);
    await gone;
    await expect.poll(made, { timeout: 60_000 }).toEqual(before);
  });
});
