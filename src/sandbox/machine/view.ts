import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupMount, inCgroupArgv } from './cgroup.ts';
import { REPOSITORY } from './paths.ts';

const PROGRAM = join(REPOSITORY, 'tools/private-view.sh');
const SHARED = ['--net', '--mount', '--cgroup', '--pid'];

/** argv that runs `argv` in a private view of the machine, which ends with it. */
export function newViewArgv(argv: readonly string[]): string[] {
  return [PROGRAM, ...argv];
}

/** What is in a view, from outside of it: by its first process. */
export class View {
  readonly #init: number;

  private constructor(init: number) {
    this.#init = init;
  }

  /** `pid` runs `newViewArgv`. undefined: the view is not there yet, or no more. */
  static of(pid: number): View | undefined {
    const home = pidNamespace(process.pid);
    const found = descendants(pid).find((own) => ![undefined, home].includes(pidNamespace(own)));
    return found === undefined ? undefined : new View(found);
  }

  get netnsPath(): string {
    return `/proc/${this.#init}/ns/net`;
  }

  /** Where `path`, as the view's processes know it, is seen from here. */
  path(path: string): string {
    return join(`/proc/${this.#init}/root`, path);
  }

  /** argv that runs `argv` in it, and ends with it. */
  enterArgv(argv: readonly string[]): string[] {
    const enter = ['nsenter', `--target=${this.#init}`, ...SHARED, `--wd=${process.cwd()}`, '--', ...argv];
    const mount = cgroupMount(readFileSync('/proc/mounts', 'utf8'));
    const [, cgroup] = /^0::(.*)$/m.exec(readFileSync(`/proc/${this.#init}/cgroup`, 'utf8')) ?? [];
    if (mount === undefined || cgroup === undefined) return enter;
    return inCgroupArgv(join(mount, cgroup, 'cgroup.procs'), enter);
  }
}

function pidNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** Parents before children. */
function descendants(pid: number): number[] {
  const found = [pid];
  for (const parent of found) found.push(...childrenOf(parent));
  return found;
}

function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const texts = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'));
    return texts.flatMap((text) => text.split(' ').filter(Boolean).map(Number));
  } catch {
    return [];
  }
}
