import { silentLogger } from '../../base/index.ts';
import type { Json, JsonObject } from './json.ts';
import { type ApiServer, type ApiServerOptions, createApiServer } from './server.ts';

export const TEST_TOKEN = 'test-token';

export type Answer = {
  readonly status: number;
  readonly body: JsonObject;
  readonly headers: Headers;
  /** For answers that are no JSON. */
  readonly text: string;
};

export type RequestOptions = {
  readonly body?: Json | string | Uint8Array;
  readonly type?: string;
  readonly accept?: string;
  /** Without it the test token. */
  readonly authorization?: string;
};

/** A real server on a loopback port, with an in-memory database, and a client for it. */
export class TestServer implements AsyncDisposable {
  readonly server: ApiServer;
  readonly url: string;

  private constructor(server: ApiServer, url: string) {
    this.server = server;
    this.url = url;
  }

  static async start(options: Partial<ApiServerOptions> = {}): Promise<TestServer> {
    const server = createApiServer({ database: ':memory:', token: TEST_TOKEN, log: silentLogger, ...options });
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    return new TestServer(server, `http://127.0.0.1:${port}`);
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { body } = options;
    const raw =
      typeof body === 'string' || body instanceof Uint8Array
        ? body
        : body === undefined
          ? undefined
          : JSON.stringify(body);
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: options.authorization ?? `Bearer ${TEST_TOKEN}`,
        ...(raw === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
        ...(options.accept === undefined ? {} : { accept: options.accept }),
      },
      ...(raw === undefined ? {} : { body: raw as string }),
    });
    const text = await response.text();
    let parsed: JsonObject = {};
    try {
      parsed = JSON.parse(text) as JsonObject;
    } catch {
      // Plain text: see `text`.
    }
    return { status: response.status, body: parsed, headers: response.headers, text };
  }

  get(path: string, options: RequestOptions = {}): Promise<Answer> {
    return this.request('GET', path, options);
  }

  post(path: string, body: RequestOptions['body'], options: RequestOptions = {}): Promise<Answer> {
    return this.request('POST', path, { ...options, ...(body === undefined ? {} : { body }) });
  }

  put(path: string, body: Json): Promise<Answer> {
    return this.request('PUT', path, { body });
  }

  patch(path: string, type: 'json' | 'merge' | 'strategic' | 'apply', body: Json): Promise<Answer> {
    const names = {
      json: 'application/json-patch+json',
      merge: 'application/merge-patch+json',
      strategic: 'application/strategic-merge-patch+json',
      apply: 'application/apply-patch+yaml',
    };
    return this.request('PATCH', path, { body, type: names[type] });
  }

  delete(path: string, body?: Json): Promise<Answer> {
    return this.request('DELETE', path, body === undefined ? {} : { body });
  }

  /** The first `count` events of a watch. */
  async watch(path: string, count: number, accept?: string): Promise<JsonObject[]> {
    const controller = new AbortController();
    const response = await fetch(`${this.url}${path}`, {
      headers: { authorization: `Bearer ${TEST_TOKEN}`, ...(accept === undefined ? {} : { accept }) },
      signal: controller.signal,
    });
    const events: JsonObject[] = [];
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) events.push(JSON.parse(line) as JsonObject);
      if (events.length >= count) break;
    }
    controller.abort();
    return events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}

export const podOf = (name: string, extra: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'main', image: 'busybox:1.36' }], ...extra },
});

export const policyOf = (name: string, spec: JsonObject): JsonObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name },
  spec,
});

export const PODS = '/api/v1/namespaces/default/pods';
export const POLICIES = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';
