import { spawn } from 'node:child_process';
import { errorMessage } from '../../base/index.ts';
import { kubeErrors } from '../errors.ts';

export type PluginCommand = {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Said when there is no such command. */
  readonly installHint?: string;
};

export type PluginLimits = { readonly timeoutMs: number; readonly maxBytes: number };

/** Cloud providers' plugins take seconds, and longer when they ask a server that is away. */
const LIMITS: PluginLimits = { timeoutMs: 60_000, maxBytes: 1 << 20 };
/** A child that stays behind may hold the pipe for ever. */
const DRAIN_MS = 1_000;
const MOST_SAID = 400;

/** Runs a plugin without a terminal and gives what it prints. It and what it started have ended then. E_KUBE_EXEC_AUTH. */
export async function runPlugin(plugin: PluginCommand, limits: PluginLimits = LIMITS): Promise<string> {
  const { command, args, env, installHint } = plugin;
  // A group of its own: what it starts is ended with it.
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<number | NodeJS.Signals | null>();
  const refuse = (why: string, cause?: unknown): void =>
    fail(kubeErrors.make('E_KUBE_EXEC_AUTH', { detail: `${command}: ${why}`, cause }));
  const parts: Buffer[] = [];
  let size = 0;
  let said = '';
  child.stdout.on('data', (part: Buffer) => {
    size += part.length;
    if (size > limits.maxBytes) refuse(`it printed more than ${limits.maxBytes} bytes`);
    else parts.push(part);
  });
  child.stderr.on('data', (part: Buffer) => {
    said = (said + part.toString('utf8')).slice(-MOST_SAID);
  });
  child.once('error', (cause: NodeJS.ErrnoException) => {
    const hint = installHint === undefined ? '' : `; ${installHint}`;
    refuse(`it cannot be started: ${errorMessage(cause)}${hint}`, cause);
  });
  child.once('close', (code, signal) => end(code ?? signal));
  child.once('exit', (code, signal) => setTimeout(() => end(code ?? signal), DRAIN_MS).unref());
  const timer = setTimeout(() => refuse(`no answer within ${limits.timeoutMs} ms`), limits.timeoutMs);
  try {
    const status = await ended;
    if (status !== 0) throw kubeErrors.make('E_KUBE_EXEC_AUTH', { detail: failure(command, status, said) });
    return Buffer.concat(parts).toString('utf8');
  } finally {
    clearTimeout(timer);
    endGroup(child.pid);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function failure(command: string, status: number | string | null, said: string): string {
  const why = said.trim().replace(/\s+/g, ' ');
  return `${command}: it ended with ${status}${why === '' ? '' : `: ${why}`}`;
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of it is left.
  }
}
