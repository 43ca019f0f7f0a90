import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process as its pid and start time (clock ticks since boot): a reused pid is another process. */
export type ProcessIdentity = { readonly pid: number; readonly startTime: string };

/** `undefined` when there is no such process, or it is a zombie. Field 22 of /proc/PID/stat (proc(5)). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything, spaces and parentheses included.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startTime = fields[19];
    return startTime === undefined || fields[0] === 'Z' ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

export function isAlive(process: ProcessIdentity): boolean {
  return identifyProcess(process.pid)?.startTime === process.startTime;
}

/** Files `<dir>/<name>` that say which processes are ours, for another process (or a later one) to end them. */
export class ProcessRecords {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  write(name: string, pid: number): void {
    const identity = identifyProcess(pid);
    if (identity === undefined) return;
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    writeFileSync(join(this.#dir, name), JSON.stringify(identity), { mode: 0o600 });
  }

  remove(name: string): void {
    rmSync(join(this.#dir, name), { force: true });
  }

  /** Recorded processes that still run. */
  alive(): { name: string; process: ProcessIdentity }[] {
    let names: string[];
    try {
      names = readdirSync(this.#dir);
    } catch {
      return [];
    }
    return names.flatMap((name) => {
      const process = readRecord(join(this.#dir, name));
      return process !== undefined && isAlive(process) ? [{ name, process }] : [];
    });
  }

  /** SIGTERM, and SIGKILL to what is left after `graceMs`. Never touches the calling process. */
  async end(graceMs: number): Promise<void> {
    const others = this.alive().filter((record) => record.process.pid !== process.pid);
    for (const { process: target } of others) signal(target, 'SIGTERM');
    const deadline = Date.now() + graceMs;
    while (Date.now() < deadline && others.some((record) => isAlive(record.process))) await sleep(20);
    for (const { process: target } of others) signal(target, 'SIGKILL');
  }
}

function readRecord(path: string): ProcessIdentity | undefined {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(path, 'utf8')) as Partial<ProcessIdentity>;
    return Number.isInteger(pid) && typeof startTime === 'string' ? { pid: Number(pid), startTime } : undefined;
  } catch {
    return undefined;
  }
}

function signal(target: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
  } catch {
    // It ended in between.
  }
}
