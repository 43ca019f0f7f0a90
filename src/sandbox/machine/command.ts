import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { sandboxErrors } from '../errors.ts';

export type CommandResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type CommandOptions = {
  readonly input?: string;
  /** Replaces the environment; default: inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** SIGKILL after so many ms. Default 60,000. */
  readonly timeoutMs?: number;
  /** More output than this is cut off. Default 8 MiB. */
  readonly maxBytes?: number;
};

/** 128 + the signal's number, as shells and container runtimes report it. */
export function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  if (signal !== null) return 128 + (constants.signals[signal] ?? 0);
  return code ?? 1;
}

/** Runs a program (never a shell) to its end and gives whatever came of it. Rejects only when it cannot be started. */
export function attempt(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [file, ...args] = argv;
  if (file === undefined) throw new TypeError('empty command');
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], ...(options.env && { env: options.env }) });
  const limit = options.maxBytes ?? 8 << 20;
  const output = { stdout: '', stderr: '' };
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      if (output[name].length < limit) output[name] += chunk;
    });
  }
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  child.on('error', (error) => {
    clearTimeout(timer);
    reject(sandboxErrors.make('E_SANDBOX_COMMAND', { detail: `${file} cannot be started`, cause: error }));
  });
  child.on('close', (code, signal) => {
    clearTimeout(timer);
    resolve({ code: exitCode(code, signal), ...output });
  });
  return promise;
}

/** Runs a program that must succeed; gives its standard output. Throws E_SANDBOX_COMMAND. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await attempt(argv, options);
  if (result.code !== 0) {
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-500);
    throw sandboxErrors.make('E_SANDBOX_COMMAND', {
      detail: `${argv.slice(0, 6).join(' ')}: exit code ${result.code}${said === '' ? '' : `: ${said}`}`,
    });
  }
  return result.stdout;
}
