import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sandboxErrors } from '../errors.ts';
import { safeSegment } from './paths.ts';

/** Our own child of the cgroup v2 root; the root itself is never touched. */
const NAME = 'membrane-sandbox';

/**
 * argv that joins a cgroup (its `cgroup.procs`) before anything of `argv` runs. The script is constant and gets everything
 * else as positional parameters: no string of a tenant is ever read by a shell.
 */
export function inCgroupArgv(procsFile: string, argv: readonly string[]): string[] {
  return ['sh', '-c', 'echo $$ > "$1" && shift && exec "$@"', 'join', procsFile, ...argv];
}

/** Finds the cgroup v2 mount in the text of /proc/mounts (hybrid layouts have it beside the v1 ones). */
export function cgroupMount(mounts: string): string | undefined {
  for (const line of mounts.split('\n')) {
    const [, where, type] = line.split(' ');
    if (type === 'cgroup2' && where !== undefined) return where;
  }
  return undefined;
}

/** A cgroup v2 of ours. It holds processes so that they can be ended at once, whatever they forked. */
export class Cgroup {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** `membrane-sandbox` itself; not created yet. Throws E_SANDBOX_CGROUP when there is no cgroup v2. */
  static root(): Cgroup {
    const mount = cgroupMount(readFileSync('/proc/mounts', 'utf8'));
    if (mount === undefined) throw sandboxErrors.make('E_SANDBOX_CGROUP');
    return new Cgroup(join(mount, NAME));
  }

  child(name: string): Cgroup {
    return new Cgroup(join(this.path, safeSegment(name)));
  }

  get procsFile(): string {
    return join(this.path, 'cgroup.procs');
  }

  create(): this {
    try {
      mkdirSync(this.path, { recursive: true });
    } catch (cause) {
      throw sandboxErrors.make('E_SANDBOX_CGROUP', { detail: this.path, cause });
    }
    return this;
  }

  /** Pids in this very cgroup; empty when it is gone. */
  async pids(): Promise<number[]> {
    const text = await readFile(this.procsFile, 'utf8').catch(() => '');
    return text.split('\n').filter(Boolean).map(Number);
  }

  /** SIGKILL to everything in here and below (kernel 5.14). */
  kill(): void {
    try {
      writeFileSync(join(this.path, 'cgroup.kill'), '1');
    } catch {
      // It does not exist: nothing to end.
    }
  }

  /** Ends what is in here and below and removes the cgroups. Idempotent; waits for the processes to be reaped. */
  async remove(): Promise<void> {
    this.kill();
    for (let delay = 1; !this.#tryRemove(this.path); delay = Math.min(delay * 2, 50)) {
      await sleep(delay);
      this.kill();
    }
  }

  #tryRemove(path: string): boolean {
    try {
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (entry.isDirectory() && !this.#tryRemove(join(path, entry.name))) return false;
      }
      rmdirSync(path);
      return true;
    } catch (error) {
      // EBUSY: a process of it is still on its way out. ENOENT: somebody else removed it.
      return (error as NodeJS.ErrnoException).code !== 'EBUSY';
    }
  }
}
