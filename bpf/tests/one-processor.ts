import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** Field `processor` of /proc/PID/stat (proc_pid_stat(5)), counted from the one behind the name. */
const PROCESSOR = 36;

/**
 * Holds this thread to the processor that it is on. What a program leaves for the next one in a map with a row for each
 * processor, as packets that pass the node's stack are, it finds on the same one only; a busy machine moves tests about.
 * Gives what lets it go again.
 */
export function stayOnProcessor(): () => void {
  const stat = readFileSync('/proc/thread-self/stat', 'utf8');
  const processor = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[PROCESSOR] ?? '0';
  const thread = basename(readlinkSync('/proc/thread-self'));
  const stay = (list: string): void => {
    execFileSync('taskset', ['--pid', '--cpu-list', list, thread], { stdio: 'pipe' });
  };
  const [, before = processor] =
    /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8')) ?? [];
  stay(processor);
  return () => stay(before);
}
