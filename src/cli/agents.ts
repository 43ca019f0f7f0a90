import type { ApiClient } from '../api/client.ts';
import type { Column } from './output/index.ts';

export type Agent = { readonly node: string; readonly client: ApiClient };

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

  told<T extends object>(node: string, row: T): Told<T> {
    return this.are === 'several' ? { node, ...row } : row;
  }

  /** The first of a table, where it is needed. */
  get column(): readonly Column<{ readonly node?: string }>[] {
    return this.are === 'several' ? [{ title: 'NODE', value: ({ node }) => node }] : [];
  }
}
