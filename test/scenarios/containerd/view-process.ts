import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Sends a signal to what a process has forked: with `nsenter` into processes of its own that is the program itself. */
export function killForked(parent: number, signal: NodeJS.Signals): void {
  const [child] = childrenOf(parent);
  if (child === undefined) throw new Error(`process ${parent} has no child`);
  process.kill(child, signal);
}

/** The process of this name that lives among processes of its own, of those that `pid` and theirs have started. */
export function findInView(pid: number, name: string): number | undefined {
  for (const child of childrenOf(pid)) {
    const isIt = readOf(child, 'comm').trim() === name && namespaceOf(child) !== namespaceOf('self');
    const found = isIt ? child : findInView(child, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => parentOf(pid) === parent);
}

/** proc(5): the second field is in parentheses and may hold anything; the parent is the second after it. */
function parentOf(pid: number): number {
  const text = readOf(pid, 'stat');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
}

/** Empty once the process is gone. */
function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function namespaceOf(pid: number | 'self'): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return '';
  }
}
