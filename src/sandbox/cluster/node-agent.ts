import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Logger } from '../../base/index.ts';
import { type Cgroup, inCgroupArgv, inNetnsArgv, type NodePlace, REPOSITORY } from '../machine/index.ts';
import { PRODUCT_NAMESPACE } from './api-access.ts';
import { KeptProcess } from './kept-process.ts';

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
    operatorLease: { namespace: PRODUCT_NAMESPACE },
    routing: alone ? 'none' : 'tunnel',
    metrics: { host: '127.0.0.1', port: 9963 },
    log: { level: logLevel, file: join(node.dir, 'agent.log') },
  };
}

/** One node's agent as a process of its own in the node's network namespace. Started again when it dies by itself. */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #process: KeptProcess;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
    const { node, log } = options;
    const outputFile = join(node.dir, 'agent.out');
    this.#process = new KeptProcess({ name: `agent of ${node.name}`, argv: () => this.#argv(), outputFile, log });
  }

  /** `undefined` while it does not run. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Starts it unless it runs. Resolves when the process is there, which is before it is ready. */
  async start(): Promise<void> {
    const { node, config } = this.#options;
    if (this.pid === undefined) {
      await mkdir(node.agentDir, { recursive: true, mode: 0o700 });
      const merged = { ...agentConfig(node, this.#options), ...config };
      await writeFile(join(node.dir, 'agent.yaml'), stringify(merged), { mode: 0o600 });
    }
    this.#process.start();
  }

  /** Sends a signal and waits for the end; it stays down until `start`. Idempotent. */
  async kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#process.kill(signal);
  }

  #argv(): readonly string[] {
    const { node, cgroup } = this.#options;
    // The launcher keeps compiled code: without it the agent loads the TypeScript parser, which costs 27 MB for good.
    const launcher = join(REPOSITORY, 'membrane');
    const argv = inNetnsArgv(node.netnsPath, [launcher, 'agent', '--config', join(node.dir, 'agent.yaml')]);
    return inCgroupArgv(cgroup.child('agent').create().procsFile, argv);
  }
}
