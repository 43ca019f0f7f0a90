import type { ApiClient } from '../api/client.ts';
import type { EndpointView } from '../api/index.ts';
import { namespacedName } from '../base/index.ts';
import type { Column } from './output/index.ts';

export type Agent = { readonly node: string; readonly client: ApiClient };

function isOf({ namespace, pod, addresses }: EndpointView, text: string): boolean {
  return namespacedName({ namespace, name: pod }) === text || addresses.includes(text);
}

/** A row as the table and JSON have it: of several agents each says whose it is. */
export type Told<T> = T & { readonly node?: string };

/** Those of this machine that are asked: one, or all where none was named. */
export class Agents {
  readonly all: readonly Agent[];
  readonly are: 'one' | 'several';
  /** Nodes whose agent does not answer. */
  readonly silent: readonly string[];

  constructor(all: readonly Agent[], silent: readonly string[]) {
    this.all = all;
    this.silent = silent;
    this.are = all.length > 1 ? 'several' : 'one';
  }

  /** What each of them answers. */
  async ask<T>(question: (client: ApiClient) => Promise<T>): Promise<{ readonly node: string; readonly answer: T }[]> {
    return await Promise.all(this.all.map(async ({ node, client }) => ({ node, answer: await question(client) })));
  }

  /** The rows of all. */
  async rows<T extends object>(question: (client: ApiClient) => Promise<readonly T[]>): Promise<Told<T>[]> {
    const told = await this.ask(question);
    return told.flatMap(({ node, answer }) => answer.map((row) => this.told(node, row)));
  }

  /**
   * The agent of the node that the first of these belongs to: `namespace/pod`, an address of a pod or of the node, or its
   * name. Of several agents none may have any of them: E_CLI_SEVERAL_AGENTS.
   */
  async of(texts: readonly string[]): Promise<ApiClient> {
    const [first, ...others] = this.all;
    if (first !== undefined && others.length === 0) return first.client;
    const told = await this.ask(async (client) => {
      const [endpoints, nodes] = await Promise.all([client.endpoints(), client.nodes()]);
      return { endpoints, addresses: nodes.filter(({ local }) => local).flatMap(({ addresses }) => addresses) };
    });
    for (const text of texts) {
      const found = this.all.find(({ node }) => {
        const own = told.find((one) => one.node === node)?.answer;
        if (node === text || own?.addresses.includes(text) === true) return true;
        return own?.endpoints.some((endpoint) => isOf(endpoint, text)) === true;
      });
      if (found !== undefined) return found.client;
    }
    const { cliErrors } = await import('./errors.ts');
    const nodes = this.all.map(({ node }) => node).join(', ');
    throw cliErrors.make('E_CLI_SEVERAL_AGENTS', { detail: `${nodes}, and none has ${texts.join(' or ')}` });
  }

  /** The agent that has the endpoint with this number, which each agent gives out for itself: E_CLI_SEVERAL_AGENTS. */
  async ofEndpoint(id: number): Promise<ApiClient> {
    const [first, ...others] = this.all;
    if (first !== undefined && others.length === 0) return first.client;
    const told = await this.ask((client) => client.endpoints());
    const having = told.filter(({ answer }) => answer.some((endpoint) => endpoint.id === id)).map(({ node }) => node);
    const found = having.length === 1 ? this.all.find(({ node }) => node === having[0]) : undefined;
    if (found !== undefined) return found.client;
    const { cliErrors } = await import('./errors.ts');
    const detail =
      having.length === 0
        ? `${this.all.map(({ node }) => node).join(', ')}, and none has endpoint ${id}`
        : `${having.join(', ')}, and each has an endpoint ${id}`;
    throw cliErrors.make('E_CLI_SEVERAL_AGENTS', { detail });
  }

  told<T extends object>(node: string, row: T): Told<T> {
    return this.are === 'several' ? { node, ...row } : row;
  }

  /** The first of a table, where it is needed. */
  get column(): readonly Column<{ readonly node?: string }>[] {
    return this.are === 'several' ? [{ title: 'NODE', value: ({ node }) => node }] : [];
  }
}
