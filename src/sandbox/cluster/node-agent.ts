import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Backoff, type Logger, systemClock } from '../../base/index.ts';
import { type Cgroup, exitCode, inCgroupArgv, inNetnsArgv, type NodePlace, REPOSITORY } from '../machine/index.ts';

export type NodeAgentOptions = {
  readonly node: NodePlace;
  readonly cgroup: Cgroup;
  readonly alone: boolean;
  readonly log: Logger;
  readonly logLevel?: string | undefined;
  /** Merged over the configuration that the sandbox writes. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
};

/** The configuration of a node's agent, as `membrane agent --config` reads it. `alone`: it is the only node. */
function agentConfig(node: NodePlace, { cgroup, alone, logLevel = 'info' }: NodeAgentOptions): Record<string, unknown> {
  return {
    nodeName: node.name,
    kubeconfig: node.kubeconfig,
    stateDir: node.agentDir,
    pinDir: node.pinDir,
    cniSocket: join(node.agentDir, 'cni.sock'),
    adminSocket: join(node.agentDir, 'admin.sock'),
    uplink: 'eth0',
    cgroup: cgroup.path,
    routing: alone ? 'native' : 'tunnel',
    metrics: { host: '127.0.0.1', port: 9963 },
    log: { level: logLevel, file: join(node.dir, 'agent.log') },
  };
}

/** One node's agent as a process of its own in the node's network namespace. Started again when it dies by itself. */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #backoff = new Backoff({ initial: 200, max: 5_000 });
  #child: ChildProcess | undefined;
  #wanted = false;
  #exited: Promise<void> = Promise.resolve();
  #restart = new AbortController();

  constructor(options: NodeAgentOptions) {
    this.#options = options;
  }

  /** `undefined` while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it unless it runs. Resolves when the process is there, which is before it is ready. */
  async start(): Promise<void> {
    const { node, config } = this.#options;
    this.#wanted = true;
    if (this.#child !== undefined) return;
    await mkdir(node.agentDir, { recursive: true, mode: 0o700 });
    const merged = { ...agentConfig(node, this.#options), ...config };
    await writeFile(join(node.dir, 'agent.yaml'), stringify(merged), { mode: 0o600 });
    this.#spawn();
  }

  /** Sends a signal and waits for the end; it stays down until `start`. Idempotent. */
  async kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#wanted = false;
    this.#restart.abort();
    this.#child?.kill(signal);
    await this.#exited;
  }

  #spawn(): void {
    const { node, cgroup } = this.#options;
    // The launcher keeps compiled code: without it the agent loads the TypeScript parser, which costs 27 MB for good.
    const launcher = join(REPOSITORY, 'membrane');
    const argv = inNetnsArgv(node.netnsPath, [launcher, 'agent', '--config', join(node.dir, 'agent.yaml')]);
    const [file = '', ...args] = inCgroupArgv(cgroup.child('agent').create().procsFile, argv);
    const output = openSync(join(node.dir, 'agent.out'), 'a', 0o600);
    const child = spawn(file, args, {
      stdio: ['ignore', output, output],
      cwd: REPOSITORY,
      detached: true,
    });
    closeSync(output);
    const exited = Promise.withResolvers<number>();
    this.#child = child;
    child.once('error', () => exited.resolve(1));
    child.once('exit', (code, signal) => exited.resolve(exitCode(code, signal)));
    this.#exited = this.#follow(exited.promise);
  }

  /** To the end of the process; a wanted one is started again afterwards. */
  async #follow(exited: Promise<number>): Promise<void> {
    const startedAt = systemClock.now();
    const code = await exited;
    this.#child = undefined;
    if (!this.#wanted) return;
    this.#options.log.warn({ node: this.#options.node.name, code }, 'agent ended; starting it again');
    void this.#spawnLater(systemClock.now() - startedAt);
  }

  async #spawnLater(ranMs: number): Promise<void> {
    if (ranMs > 30_000) this.#backoff.reset();
    this.#restart = new AbortController();
    await systemClock.sleep(this.#backoff.next(), this.#restart.signal).catch(() => undefined);
    if (this.#wanted && this.#child === undefined) this.#spawn();
  }
}
