import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import type { KubeConnection } from '../../src/kube/index.ts';
import { type KubeRequest, KubeTransport } from '../../src/kube/transport.ts';
import { differences, missingEvents } from './compare.ts';

type Step = {
  readonly ask: string;
  readonly type?: string;
  readonly accept?: string;
  readonly body?: unknown;
  readonly status: number;
  readonly answer?: unknown;
  readonly until?: unknown;
  readonly events?: readonly unknown[];
  readonly keep?: Readonly<Record<string, string>>;
};
export type Case = { readonly case: string; readonly steps: readonly Step[] };

export const CASES = parse(readFileSync(join(import.meta.dirname, 'cases.yaml'), 'utf8')) as readonly Case[];

const PATIENCE_MS = 30_000;

type Answer = { readonly status: number; readonly body: unknown; readonly lines: readonly unknown[] };

/** Asks one server what the cases say, in a namespace of its own. */
export class Contract {
  readonly #connection: KubeConnection;
  readonly #words = new Map<string, string>();

  constructor(connection: KubeConnection) {
    this.#connection = connection;
  }

  async open(): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { generateName: 'api-contract-' } };
    const made = await this.#send('POST', '/api/v1/namespaces', { body });
    this.#words.set('ns', String(member(made.body, 'metadata.name')));
  }

  async close(): Promise<void> {
    await this.#send('DELETE', this.#filled('/api/v1/namespaces/${ns}'), {});
  }

  /** What is wrong, a line each. */
  async run({ steps }: Case): Promise<string[]> {
    const wrong: string[] = [];
    for (const step of steps) {
      const { ask, status, answer, until, events, keep = {}, ...how } = this.#filled(step);
      const [method = '', path = ''] = ask.split(' ');
      const send = async () => await this.#send(method as KubeRequest['method'], path, how);
      let got = await send();
      const deadline = Date.now() + PATIENCE_MS;
      while (until !== undefined && differences(until, got.body).length > 0 && Date.now() < deadline) {
        await sleep(100);
        got = await send();
      }
      const found = [
        ...differences(status, got.status, 'status'),
        ...(answer === undefined ? [] : differences(answer, got.body)),
        ...(events === undefined ? [] : missingEvents(events, got.lines)),
      ];
      wrong.push(...found.map((line) => `${ask}: ${line}`));
      for (const [name, place] of Object.entries(keep)) this.#words.set(name, String(member(got.body, place)));
    }
    return wrong;
  }

  async #send(method: KubeRequest['method'], path: string, how: Partial<Step>): Promise<Answer> {
    const { type, accept, body } = how;
    const headers = { ...this.#connection.headers, ...(accept !== undefined && { accept }) };
    const transport = new KubeTransport({ ...this.#connection, headers });
    try {
      const request = {
        method,
        path,
        ...(type !== undefined && { contentType: type }),
        ...(body !== undefined && { body }),
      };
      const response = await transport.open(request);
      const lines = (await text(response)).split('\n').filter((line) => line !== '');
      return { status: response.statusCode ?? 0, body: read(lines.join('\n')), lines: lines.map(read) };
    } finally {
      transport.close();
    }
  }

  /** With the words that were kept. */
  #filled<T>(value: T): T {
    const filled = JSON.stringify(value).replaceAll(/\$\{(\w+)\}/g, (_, name: string) => this.#words.get(name) ?? '');
    return JSON.parse(filled) as T;
  }
}

function read(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

function member(value: unknown, path: string): unknown {
  return path.split('.').reduce((at, key) => (at as Record<string, unknown> | undefined)?.[key], value);
}
