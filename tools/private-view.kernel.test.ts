import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cgroupMount } from '../src/sandbox/machine/cgroup.ts';

const VIEW = join(import.meta.dirname, 'private-view.sh');
const CGROUPS = cgroupMount(readFileSync('/proc/mounts', 'utf8')) ?? '';

const title = spawnSync(VIEW, ['true']).status === 0 ? '' : ' (this machine gives none)';

const inside = (script: string) => spawnSync(VIEW, ['sh', '-c', script], { encoding: 'utf8' });

/** What views make on the machine, where it is still there. */
function leftovers(): string[] {
  return [
    ...readdirSync(CGROUPS).filter((name) => name.startsWith('mbr-view-')),
    ...readdirSync(tmpdir()).filter((name) => /^mbr-\w{6}$/.test(name)),
  ];
}

describe.skipIf(title !== '')(`a private view${title}`, () => {
  it('has its own network, processes, cgroup, pins, records and temporary files', () => {
    const outside = [join(tmpdir(), 'outside'), '/run/outside'];
    for (const path of outside) writeFileSync(path, '');
    const looks = ['ls /sys/class/net', 'grep ^0:: /proc/self/cgroup', 'ls /sys/fs/bpf', 'ls $TMPDIR /run'];
    const seen = inside(looks.join(' && ')).stdout;
    for (const path of outside) rmSync(path);
    // A bpffs has two entries of the kernel's.
    expect(seen).toMatch(/^lo\n0::\/\nmaps.debug\nprogs.debug\n/);
    expect(seen).toContain('netns');
    expect(seen).not.toContain('outside');
    const namespaces = ['net', 'mnt', 'pid', 'cgroup'].map((name) => readlinkSync(`/proc/self/ns/${name}`));
    const theirs = inside('readlink /proc/self/ns/net /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/cgroup').stdout;
    expect(theirs.trim().split('\n')).toHaveLength(4);
    for (const one of namespaces) expect(theirs).not.toContain(one);
  });

  it('hands on arguments, input, output and the exit code', () => {
    const argv = ['sh', '-c', 'cat; printf "%s|" "$@"; exit 7', 'sh', 'a b', '', '$(id)'];
    const { status, stdout } = spawnSync(VIEW, argv, { encoding: 'utf8', input: 'in ' });
    expect({ status, stdout }).toEqual({ status: 7, stdout: 'in a b||$(id)|' });
    expect(inside('kill -9 $$').status).toBe(137);
  });

  it('reaps what others leave behind, as the first process has to', () => {
    const zombies = 'ps -eo stat= | grep -c Z';
    const reaped = `for i in $(seq 200); do [ "$(${zombies})" = 0 ] && break; sleep 0.1; done`;
    const script = `(sleep 0.1 &) ; (setsid true &); sleep 0.5; ${reaped}; ${zombies}`;
    expect(inside(script).stdout).toBe('0\n');
  });

  it('ends what its command left running', async () => {
    expect(inside('sleep 1000 & setsid sleep 1000 & exit 3').status).toBe(3);
    await expect.poll(leftovers).toEqual([]);
  });
});

describe.skipIf(title !== '')(`nothing of a view is left${title}`, () => {
  /** In a session of its own, as from a terminal; `said` resolves when the innermost command runs. */
  function start(argv: readonly string[]): { child: ChildProcess; said: Promise<unknown>; closed: Promise<unknown> } {
    const [file = '', ...args] = argv;
    const child = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    return { child, said: once(child.stdout, 'data'), closed: once(child, 'close') };
  }
  const RUNS = ['sh', '-c', 'echo runs; sleep 1000'];

  it.each<[string, readonly string[], (pid: number) => void]>([
    ['a signal to it', [VIEW, ...RUNS], (pid) => process.kill(pid, 'SIGTERM')],
    ['Ctrl-C', [VIEW, ...RUNS], (pid) => process.kill(-pid, 'SIGINT')],
    ['the end of a terminal', [VIEW, ...RUNS], (pid) => process.kill(-pid, 'SIGHUP')],
    ['SIGKILL to it', [VIEW, ...RUNS], (pid) => process.kill(pid, 'SIGKILL')],
    ['SIGKILL to its whole group', [VIEW, ...RUNS], (pid) => process.kill(-pid, 'SIGKILL')],
    ['SIGKILL to its caller', ['sh', '-c', '"$@"; :', 'sh', VIEW, ...RUNS], (pid) => process.kill(pid, 'SIGKILL')],
    ['SIGKILL to a view around it', [VIEW, VIEW, ...RUNS], (pid) => process.kill(pid, 'SIGKILL')],
  ])('after %s', async (_, argv, end) => {
    const { child, said, closed } = start(argv);
    await said;
    expect(leftovers()).toHaveLength(2);
    const [name = ''] = leftovers();
    const group = join(CGROUPS, name);
    expect(readFileSync(join(group, 'cgroup.events'), 'utf8')).toContain('populated 1');
    end(child.pid ?? 0);
    // Also the processes are gone: a cgroup with one in it cannot be removed.
    await expect.poll(leftovers).toEqual([]);
    expect(existsSync(group)).toBe(false);
    await closed;
  });
});
