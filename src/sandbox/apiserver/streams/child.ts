import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { ExecProcess } from './process.ts';

/** A spawned child with pipes, as a session sees it. A signal's exit code is 128 and its number, as in a shell. */
export function execProcess(child: ChildProcess): ExecProcess {
  const { promise: exited, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', reject);
  child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  return {
    stdin: child.stdin ?? undefined,
    stdout: child.stdout ?? undefined,
    stderr: child.stderr ?? undefined,
    exited,
    kill: () => void child.kill('SIGKILL'),
  };
}
