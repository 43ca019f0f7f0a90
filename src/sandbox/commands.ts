import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, MembraneError, silentLogger } from '../base/index.ts';
import {
  findExecTarget,
  manifestFiles,
  podCommand,
  rehearseManifests,
  runArgv,
  SandboxCluster,
} from './cluster/index.ts';
import { sandboxErrors } from './errors.ts';
import { aborted, interruption } from './interruption.ts';
import { type ImageTable, parseImageMap } from './kubelet/index.ts';
import {
  exitCode,
  processRecords,
  REPOSITORY,
  requireBuilt,
  STATE_DIR,
  sweep,
  takeMachineLock,
} from './machine/index.ts';

/** The verbs of `membrane sandbox`. Each gives the program's exit code. */

export type UpOptions = {
  readonly nodes: number;
  /** Return once it is up, and leave it running. */
  readonly detach: boolean;
  /** Manifests to apply, files or folders. */
  readonly files: readonly string[];
  /** File of what images stand for. */
  readonly imageMap?: string | undefined;
};

const KUBECONFIG = join(STATE_DIR, 'kubeconfig');
/** There once a sandbox is up and its first pods are ready, or have had their time. */
const READY_FILE = join(STATE_DIR, 'ready');
const READY_TIMEOUT_MS = 60_000;
/** More than readiness may take, or the waiting parent would give up first. */
const DETACH_TIMEOUT_MS = READY_TIMEOUT_MS + 30_000;
/** How long a sandbox that is told to stop may take before it is killed. */
const DOWN_GRACE_MS = 15_000;
const DOWN_LOCK_MS = 2_000;

export async function up(options: UpOptions): Promise<number> {
  const manifests = await manifestFiles(options.files);
  await rehearseManifests(manifests);
  requireBuilt();
  const imageMap = options.imageMap === undefined ? undefined : readImageMap(options.imageMap);
  if (options.detach) return upDetached(options);
  const signal = interruption();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const cluster = new SandboxCluster();
  try {
    await cluster.up({
      nodes: options.nodes,
      manifests,
      ...(imageMap !== undefined && { imageMap }),
      control: true,
      signal,
      onProgress: (step) => say(`- ${step}`),
    });
    say(`- ${await readiness(cluster, signal)}`);
    cluster.markReady(READY_FILE);
    say(`\nThe sandbox is up. Ctrl-C or \`membrane sandbox down\` ends it.\n\n  export KUBECONFIG=${KUBECONFIG}\n`);
    await aborted(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await cluster.down();
  }
  return 0;
}

/** Throws E_SANDBOX_IMAGE_MAP. */
function readImageMap(path: string): ImageTable {
  try {
    return parseImageMap(readFileSync(path, 'utf8'), path);
  } catch (cause) {
    if (cause instanceof MembraneError) throw cause;
    throw sandboxErrors.make('E_SANDBOX_IMAGE_MAP', { detail: errorMessage(cause), cause });
  }
}

/** Pods that are late are no reason to end. Rejects when the signal is aborted. */
async function readiness(cluster: SandboxCluster, signal: AbortSignal): Promise<string> {
  const ready = cluster.waitReady({ timeoutMs: READY_TIMEOUT_MS }).then(
    () => 'all pods are ready',
    (error: unknown) => `! ${errorMessage(error)}`,
  );
  const line = await Promise.race([ready, aborted(signal)]);
  signal.throwIfAborted();
  return String(line);
}

export async function down(): Promise<number> {
  if (process.getuid?.() !== 0) throw sandboxErrors.make('E_SANDBOX_NOT_ROOT');
  await processRecords().end(DOWN_GRACE_MS);
  const lock = await takeMachineLock({ waitMs: DOWN_LOCK_MS });
  if (lock === undefined) {
    throw sandboxErrors.make('E_SANDBOX_RUNNING', { detail: 'it is just starting', remedy: 'Try again in a moment.' });
  }
  await sweep(silentLogger);
  await lock.release();
  return 0;
}

export async function exec(options: { namespace: string; pod: string; command: readonly string[] }): Promise<number> {
  kubeconfigPath();
  const target = await findExecTarget(options.namespace, options.pod);
  return runArgv(podCommand(target, options.command), { stdio: 'inherit' });
}

/** Throws E_SANDBOX_NOT_RUNNING. */
export function kubeconfigPath(): string {
  if (!existsSync(KUBECONFIG)) throw sandboxErrors.make('E_SANDBOX_NOT_RUNNING');
  return KUBECONFIG;
}

/** Starts the same command as a process of its own and returns when its sandbox is ready, or has failed. */
async function upDetached(options: UpOptions): Promise<number> {
  const [other] = processRecords().alive();
  if (other !== undefined) throw sandboxErrors.make('E_SANDBOX_RUNNING', { detail: `pid ${other.process.pid}` });
  rmSync(READY_FILE, { force: true });
  const folder = mkdtempSync(join(tmpdir(), 'membrane-sandbox-'));
  const log = join(folder, 'output');
  const files = options.files.flatMap((file) => ['--file', file]);
  const map = options.imageMap === undefined ? [] : ['--image-map', options.imageMap];
  const args = [
    join(REPOSITORY, 'src/cli/main.ts'),
    'sandbox',
    'up',
    '--nodes',
    String(options.nodes),
    ...files,
    ...map,
  ];
  const output = openSync(log, 'a', 0o600);
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  try {
    const code = await Promise.race([ended(child), readyFile(child)]);
    (code === 0 ? process.stdout : process.stderr).write(readFileSync(log, 'utf8'));
    return code;
  } finally {
    child.unref();
    rmSync(folder, { recursive: true, force: true });
  }
}

function ended(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', reject);
  child.once('exit', (code, signal) => resolve(exitCode(code, signal) || 1));
  return promise;
}

async function readyFile(child: ChildProcess): Promise<number> {
  for (const started = Date.now(); Date.now() - started < DETACH_TIMEOUT_MS; await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null) return new Promise(() => undefined);
    if (existsSync(READY_FILE)) return 0;
  }
  child.kill('SIGTERM');
  throw sandboxErrors.make('E_SANDBOX_TIMEOUT', { detail: `${DETACH_TIMEOUT_MS / 1_000} s` });
}
