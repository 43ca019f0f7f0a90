import type { JsonObject, KubeObject } from '../apiserver/index.ts';
import { attempt, type CommandOptions, type CommandResult, worldArgv } from '../machine/index.ts';
import { CONTROL_SOCKET, callControl } from './control.ts';
import type { PodCommand } from './pod-exec.ts';
import type { ExecOptions, ObjectRef, ReadyOptions, Sandbox } from './sandbox.ts';

/** A sandbox that another process runs, over its control socket. Processes are still started from here. */
export class RemoteSandbox implements Sandbox {
  readonly #path: string;

  constructor(path: string = CONTROL_SOCKET) {
    this.#path = path;
  }

  async apply(yaml: string, source?: string): Promise<void> {
    await callControl('apply', [yaml, source], this.#path);
  }

  async get(ref: ObjectRef): Promise<KubeObject | undefined> {
    return callControl('get', [ref], this.#path);
  }

  async list(resource: string, namespace?: string): Promise<KubeObject[]> {
    // JSON has no `undefined` in lists, and `null` is no namespace.
    return callControl('list', namespace === undefined ? [resource] : [resource, namespace], this.#path);
  }

  async patch(ref: ObjectRef, patch: JsonObject): Promise<void> {
    await callControl('patch', [ref, patch], this.#path);
  }

  async patchStatus(ref: ObjectRef, status: JsonObject): Promise<void> {
    await callControl('patchStatus', [ref, status], this.#path);
  }

  async delete(ref: ObjectRef, graceSeconds?: number): Promise<void> {
    await callControl('delete', graceSeconds === undefined ? [ref] : [ref, graceSeconds], this.#path);
  }

  async waitReady(options: ReadyOptions = {}): Promise<void> {
    await callControl('waitReady', [options], this.#path);
  }

  async waitGone(namespace: string, name: string, timeoutMs?: number): Promise<void> {
    await callControl('waitGone', [namespace, name, timeoutMs ?? 60_000], this.#path);
  }

  async podCommand(namespace: string, name: string, argv: readonly string[], container?: string): Promise<PodCommand> {
    if (container === undefined) return callControl('podCommand', [namespace, name, argv], this.#path);
    return callControl('podCommand', [namespace, name, argv, container], this.#path);
  }

  async exec(
    namespace: string,
    name: string,
    argv: readonly string[],
    options: ExecOptions = {},
  ): Promise<CommandResult> {
    const command = await this.podCommand(namespace, name, argv, options.container);
    return attempt(command.argv, { ...options, env: { ...command.env, ...options.env } });
  }

  async nodeCommand(node: string, argv: readonly string[]): Promise<readonly string[]> {
    return callControl('nodeCommand', [node, argv], this.#path);
  }

  async nodeExec(node: string, argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return attempt(await this.nodeCommand(node, argv), options);
  }

  async worldExec(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return attempt(worldArgv(argv), options);
  }

  async netnsOf(namespace: string, name: string): Promise<string | undefined> {
    return callControl('netnsOf', [namespace, name], this.#path);
  }

  async checkNetwork(namespace: string, name: string): Promise<void> {
    await callControl('checkNetwork', [namespace, name], this.#path);
  }

  async requestAddress(namespace: string, name: string, ip: string): Promise<void> {
    await callControl('requestAddress', [namespace, name, ip], this.#path);
  }

  async holdNetwork(namespace: string, name: string): Promise<void> {
    await callControl('holdNetwork', [namespace, name], this.#path);
  }

  async releaseNetwork(namespace: string, name: string): Promise<void> {
    await callControl('releaseNetwork', [namespace, name], this.#path);
  }

  async killAgent(node: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await callControl('killAgent', [node, signal], this.#path);
  }

  async startAgent(node: string): Promise<void> {
    await callControl('startAgent', [node], this.#path);
  }

  async agentPid(node: string): Promise<number | undefined> {
    return callControl('agentPid', [node], this.#path);
  }

  async joinNode(): Promise<string> {
    return callControl('joinNode', [], this.#path);
  }

  async removeNode(name: string): Promise<void> {
    await callControl('removeNode', [name], this.#path);
  }

  async stopApi(): Promise<void> {
    await callControl('stopApi', [], this.#path);
  }

  async startApi(): Promise<void> {
    await callControl('startApi', [], this.#path);
  }
}
