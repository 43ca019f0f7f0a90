import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namespacedName } from '../../base/index.ts';
import { sandboxErrors } from '../errors.ts';
import { type ExecTarget, execArgv, podEnvironment } from '../kubelet/index.ts';
import { exitCode, MAX_NODES, nodePlace, safeSegment } from '../machine/index.ts';

/** A command line that runs something in a pod, to be spawned with exactly this environment. */
export type PodCommand = { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> };

export function podCommand(target: ExecTarget, argv: readonly string[]): PodCommand {
  const { TERM } = process.env;
  return {
    argv: execArgv({ ...target, argv }),
    env: podEnvironment({ ...(TERM !== undefined && { TERM }), ...target.env }),
  };
}

/** Looks a running pod up in the files of a sandbox that another process runs. Throws E_SANDBOX_NO_POD. */
export async function findExecTarget(namespace: string, name: string, container?: string): Promise<ExecTarget> {
  const file = `${safeSegment(namespace)}_${safeSegment(name)}.json`;
  for (let index = 1; index <= MAX_NODES; index += 1) {
    const text = await readFile(join(nodePlace(index).dir, 'pods', file), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const { targets } = JSON.parse(text) as { targets: ExecTarget[] };
    const found = container === undefined ? targets[0] : targets.find((target) => target.container === container);
    if (found !== undefined) return found;
  }
  throw sandboxErrors.make('E_SANDBOX_NO_POD', {
    detail: `${namespacedName({ namespace, name })}${container === undefined ? '' : `, container ${container}`}`,
  });
}

export function spawnArgv(command: PodCommand, stdio: StdioOptions): ChildProcess {
  const [file = '', ...args] = command.argv;
  return spawn(file, args, { stdio, env: { ...command.env } });
}

/** Runs to the end; gives the exit code (128 + signal when it was killed). */
export async function runArgv(
  command: PodCommand,
  options: { stdio: StdioOptions; signal?: AbortSignal },
): Promise<number> {
  const child = spawnArgv(command, options.stdio);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', reject);
  child.once('close', (code, signal) => resolve(exitCode(code, signal)));
  const onAbort = (): void => void child.kill('SIGKILL');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  return promise.finally(() => options.signal?.removeEventListener('abort', onAbort));
}
