import { join } from 'node:path';
import { type ApiClient, apiClient } from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import { type NodePlace, nodePlace, type Sandbox, stringAt } from '../../sandbox/index.ts';
import { attackErrors } from '../errors.ts';
import { patience } from '../tools/index.ts';

/** An agent that just started has much to do, and several of them are on one machine. */
const ANSWER_MS = 30_000;

type PodName = { readonly namespace: string; readonly name: string };

/** The nodes of a sandbox, their agents, and which pod is on which of them. */
export class StageNodes {
  readonly #sandbox: Sandbox;
  #all: readonly NodePlace[] = [nodePlace(1)];
  readonly #apis = new Map<string, ApiClient>();
  /** By `namespace/name`. */
  readonly #whereabouts = new Map<string, NodePlace>();

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  /** Looks at which there are. Throws E_SANDBOX_NOT_RUNNING. */
  async find(): Promise<void> {
    const nodes = await this.#sandbox.list('nodes');
    const numbers = nodes.map(({ metadata }) => Number(metadata.name.replace('node-', '')));
    this.#all = numbers.toSorted((a, b) => a - b).map(nodePlace);
  }

  /** In the order of their numbers. */
  get all(): readonly NodePlace[] {
    return this.#all;
  }

  get first(): NodePlace {
    return this.#all[0] ?? nodePlace(1);
  }

  /** Throws E_ATTACK_STAGE. */
  named(name: string): NodePlace {
    const found = this.#all.find((node) => node.name === name);
    if (found === undefined) throw attackErrors.make('E_ATTACK_STAGE', { detail: `there is no ${name}` });
    return found;
  }

  /** One that is not this one; `undefined`: there is no other. */
  otherThan({ name }: NodePlace): NodePlace | undefined {
    return this.#all.find((node) => node.name !== name);
  }

  api({ name, agentDir }: NodePlace): ApiClient {
    const api =
      this.#apis.get(name) ??
      apiClient({ socketPath: join(agentDir, 'admin.sock'), timeoutMs: () => patience(ANSWER_MS) });
    this.#apis.set(name, api);
    return api;
  }

  placed(pod: PodName, node: NodePlace): void {
    this.#whereabouts.set(namespacedName(pod), node);
  }

  /** Where a pod is; one that nobody has placed yet counts as on the first. */
  async of(pod: PodName): Promise<NodePlace> {
    const known = this.#whereabouts.get(namespacedName(pod));
    if (known !== undefined) return known;
    const object = await this.#sandbox.get({ resource: 'pods', ...pod });
    const name = object === undefined ? undefined : stringAt(object, 'spec', 'nodeName');
    const node = this.#all.find((one) => one.name === name);
    if (node === undefined) return this.first;
    this.placed(pod, node);
    return node;
  }
}
