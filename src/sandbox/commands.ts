import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
import { processRecords, REPOSITORY, requireBuilt, STATE_DIR, sweep, takeMachineLock } from './machine/index.ts';
import { ended, membraneArgv, NamedSandbox, PAGE_FILE, type Reach } from './named-sandbox.ts';

/** The verbs of `membrane sandbox`. Each gives the program's exit code. */

export type UpOptions = {
  readonly nodes: number;
  /** Return once it is up, and leave it running. */
  readonly detach: boolean;
  /** Manifests to apply, files or folders. */
  readonly files: readonly string[];
  /** File of what images stand for. */
  readonly imageMap?: string | undefined;
  /** Beside others, in a private view of the machine. */
  readonly name?: string | undefined;
  /** It is the one of a view: whoever made that says how it is reached. */
  readonly inView: boolean;
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
  const named = options.name === undefined ? undefined : new NamedSandbox(options.name);
  if (named !== undefined) requireRoot();
  if (options.detach) return upDetached(options, named);
  if (named !== undefined) return upNamed(options, named);
  const signal = interruption();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const cluster = new SandboxCluster();
  try {
    await cluster.up({
      nodes: options.nodes,
      manifests,
      ...(imageMap !== undefined && { imageMap }),
      control: true,
      page: true,
      signal,
      onProgress: (step) => say(`- ${step}`),
    });
    say(`- ${await readiness(cluster, signal)}`);
    writeFileSync(PAGE_FILE, cluster.pageUrl, { mode: 0o600 });
    // Who waits for the file reads what was said until then.
    if (!options.inView) say(howToUse('membrane sandbox down', { kubeconfig: KUBECONFIG, page: cluster.pageUrl }));
    cluster.markReady(READY_FILE);
    await aborted(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await cluster.down();
  }
  return 0;
}

const howToUse = (down: string, { kubeconfig, page }: Reach): string =>
  `\nThe sandbox is up. Ctrl-C or \`${down}\` ends it.\n\n  export KUBECONFIG=${kubeconfig}\n\nWho talks to whom: ${page}\n`;

async function upNamed(options: UpOptions, named: NamedSandbox): Promise<number> {
  const signal = interruption();
  const argv = membraneArgv('sandbox', 'up', '--in-view', ...upArguments(options));
  const code = await named.run(argv, signal, (reach) => {
    process.stdout.write(`${howToUse(`membrane sandbox down --name ${named.name}`, reach)}\n`);
  });
  return signal.aborted ? 0 : code;
}

function upArguments({ nodes, files, imageMap }: UpOptions): string[] {
  const map = imageMap === undefined ? [] : ['--image-map', imageMap];
  return ['--nodes', String(nodes), ...files.flatMap((file) => ['--file', file]), ...map];
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

/** To anybody else nothing of it is there, not even that one runs. Throws E_SANDBOX_NOT_ROOT. */
function requireRoot(): void {
  if (process.getuid?.() !== 0) throw sandboxErrors.make('E_SANDBOX_NOT_ROOT');
}

export async function down(name?: string): Promise<number> {
  requireRoot();
  if (name !== undefined) {
    await new NamedSandbox(name).down(DOWN_GRACE_MS);
    return 0;
  }
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

/** Runs a command where a sandbox of a name is: with its network, its agents' sockets, its kubeconfig, and us on its path. */
export async function enter({ name, command }: { name: string; command: readonly string[] }): Promise<number> {
  requireRoot();
  const argv = new NamedSandbox(name).enterArgv(command);
  const own = { KUBECONFIG, PATH: `${REPOSITORY}:${process.env['PATH'] ?? ''}` };
  const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: 'inherit', env: { ...process.env, ...own } });
  return await ended(child);
}

/** Throws E_SANDBOX_NOT_RUNNING, E_SANDBOX_NOT_ROOT. */
export function kubeconfigPath(name?: string): string {
  requireRoot();
  if (name !== undefined) return new NamedSandbox(name).kubeconfigPath;
  if (!existsSync(KUBECONFIG)) throw sandboxErrors.make('E_SANDBOX_NOT_RUNNING');
  return KUBECONFIG;
}

/** Starts the same command as a process of its own and returns when its sandbox is ready, or has failed. */
async function upDetached(options: UpOptions, named: NamedSandbox | undefined): Promise<number> {
  const other = named === undefined ? processRecords().alive()[0]?.process.pid : named.pid;
  if (other !== undefined) throw sandboxErrors.make('E_SANDBOX_RUNNING', { detail: `pid ${other}` });
  const readyFile = named?.readyFile ?? READY_FILE;
  rmSync(readyFile, { force: true });
  const folder = mkdtempSync(join(tmpdir(), 'membrane-sandbox-'));
  const log = join(folder, 'output');
  const name = named === undefined ? [] : ['--name', named.name];
  const [file = '', ...args] = membraneArgv('sandbox', 'up', ...name, ...upArguments(options));
  const output = openSync(log, 'a', 0o600);
  const child = spawn(file, args, { detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  try {
    const code = await Promise.race([ended(child).then((code) => code || 1), becameReady(child, readyFile)]);
    (code === 0 ? process.stdout : process.stderr).write(readFileSync(log, 'utf8'));
    return code;
  } finally {
    child.unref();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function becameReady(child: ChildProcess, file: string): Promise<number> {
  for (const started = Date.now(); Date.now() - started < DETACH_TIMEOUT_MS; await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null) return new Promise(() => undefined);
    if (existsSync(file)) return 0;
  }
  child.kill('SIGTERM');
  throw sandboxErrors.make('E_SANDBOX_TIMEOUT', { detail: `${DETACH_TIMEOUT_MS / 1_000} s` });
}
