import { z } from 'zod';
import { isMembraneError } from '../base/index.ts';
import type { ObjectRow } from '../model/index.ts';
import type { KubeConnection } from './access/index.ts';
import { kubeErrors } from './errors.ts';
import { type Collection, collectionPath, objectPath, type Resource } from './resources/resource.ts';
import { failureOf, readJson } from './response.ts';
import { type KubeRequest, KubeTransport } from './transport.ts';
import { type WatchEvent, watchEvents } from './watch.ts';

export type ObjectRef = { readonly resource: Resource<ObjectRow>; readonly namespace?: string; readonly name: string };
export type Selection = {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
};
export type WatchOptions = Selection & { signal?: AbortSignal; timeoutSeconds: number; idleMs: number };
export type Page = { readonly items: readonly unknown[]; readonly resourceVersion: string; readonly continue?: string };

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().default(''), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
});

/** Enough for a page of 500 large pods; a page beyond is asked for again in smaller pieces. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** A watch answers at once, whatever there is to tell. */
const WATCH_OPEN_MS = 10_000;

/** The few verbs of the Kubernetes API that we need, over plain HTTP: no run-time dependency on the official client. */
export class KubeClient {
  readonly #transport: KubeTransport;
  readonly #maxBodyBytes: number;
  readonly namespace: string;

  constructor(connection: KubeConnection, options: { maxBodyBytes?: number } = {}) {
    this.#transport = new KubeTransport(connection);
    this.#maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES;
    this.namespace = connection.namespace;
  }

  /** Origin of the server, for messages. */
  get server(): string {
    return this.#transport.server;
  }

  /** Milliseconds by which the clock here is ahead of the server's; undefined: it has not answered yet. */
  get clockAhead(): number | undefined {
    return this.#transport.clockAhead;
  }

  close(): void {
    this.#transport.close();
  }

  /** Any request with a JSON answer; an HTTP error becomes the MembraneError of `codeOfStatus`. */
  async request(request: KubeRequest): Promise<unknown> {
    const what = `${request.method} ${request.path}`;
    const response = await this.#transport.open(request);
    const body = await readJson(response, { maxBytes: this.#maxBodyBytes, what });
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) {
      throw failureOf(body, { httpStatus: status, retryAfter: response.headers['retry-after'], what });
    }
    return body;
  }

  /** Server version, as `/version` says it: a cheap sign of life. */
  async version(signal?: AbortSignal): Promise<string> {
    const answer = await this.request({ method: 'GET', path: '/version', timeoutMs: 5_000, ...withSignal(signal) });
    const parsed = z.object({ gitVersion: z.string() }).safeParse(answer);
    if (!parsed.success) throw kubeErrors.make('E_KUBE_RESPONSE', { detail: '/version has no gitVersion' });
    return parsed.data.gitVersion;
  }

  async get(ref: ObjectRef, signal?: AbortSignal): Promise<unknown> {
    return await this.request({ method: 'GET', path: pathOf(ref), ...withSignal(signal) });
  }

  async create(ref: Omit<ObjectRef, 'name'>, object: unknown): Promise<unknown> {
    return await this.request({ method: 'POST', path: collectionPath(ref.resource, ref.namespace), body: object });
  }

  /** Replaces; the object's resourceVersion guards against lost updates. */
  async update(ref: ObjectRef, object: unknown, subresource?: 'status'): Promise<unknown> {
    return await this.request({ method: 'PUT', path: pathOf(ref, subresource), body: object });
  }

  /** JSON merge patch (RFC 7386). */
  async patch(ref: ObjectRef, patch: unknown, subresource?: 'status'): Promise<unknown> {
    const contentType = 'application/merge-patch+json';
    return await this.request({ method: 'PATCH', path: pathOf(ref, subresource), body: patch, contentType });
  }

  async delete(ref: ObjectRef, options: { gracePeriodSeconds?: number } = {}): Promise<unknown> {
    return await this.request({ method: 'DELETE', path: pathOf(ref), query: options });
  }

  /** All pages of a list, one after the other. A page that is too large is asked for again with a smaller limit. */
  async *list(
    resource: Resource<ObjectRow>,
    selection: Selection & { limit?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<Page> {
    let limit = selection.limit ?? 250;
    let token: string | undefined;
    for (;;) {
      let page: Page;
      try {
        page = await this.#page(resource, selection, limit, token);
      } catch (error) {
        if (!isMembraneError(error, 'E_KUBE_TOO_LARGE') || limit <= 1) throw error;
        limit = Math.max(1, Math.floor(limit / 8));
        continue;
      }
      yield page;
      token = page.continue;
      if (token === undefined) return;
    }
  }

  async #page(
    resource: Resource<ObjectRow>,
    selection: Selection & { signal?: AbortSignal },
    limit: number,
    token: string | undefined,
  ): Promise<Page> {
    const path = collectionPath(resource, selection.namespace);
    const { labelSelector, fieldSelector } = selection;
    const query = { labelSelector, fieldSelector, limit, continue: token };
    const answer = await this.request({ method: 'GET', path, query, ...withSignal(selection.signal) });
    const parsed = listSchema.safeParse(answer);
    if (!parsed.success) throw kubeErrors.make('E_KUBE_RESPONSE', { detail: `${path}: not a list` });
    const { metadata, items } = parsed.data;
    return {
      items: items ?? [],
      resourceVersion: metadata.resourceVersion,
      ...(metadata.continue ? { continue: metadata.continue } : {}),
    };
  }

  /**
   * Changes after `resourceVersion`, in groups as they arrive; an empty one says that the watch stands. Ends when the
   * server ends it, after `timeoutSeconds` at the latest; throws E_KUBE_GONE when the version is too old, E_KUBE_SILENT
   * when nothing (not even a bookmark or the end) came for `idleMs`.
   */
  async *watch(
    resource: Collection,
    options: WatchOptions & { resourceVersion: string },
  ): AsyncGenerator<readonly WatchEvent[]> {
    yield* this.#events(resource, options, { resourceVersion: options.resourceVersion });
  }

  /**
   * All that there is as events, then a bookmark that `isWhole`, then changes as `watch` tells them: no page is held as a
   * whole, here or there. Consistent as a list is. E_KUBE_INVALID from a server that has no streamed lists (KEP-3157).
   */
  async *watchList(resource: Collection, options: WatchOptions): AsyncGenerator<readonly WatchEvent[]> {
    yield* this.#events(resource, options, { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' });
  }

  async *#events(
    resource: Collection,
    options: WatchOptions,
    from: Readonly<Record<string, string | boolean>>,
  ): AsyncGenerator<readonly WatchEvent[]> {
    const path = collectionPath(resource, options.namespace);
    const { labelSelector, fieldSelector, timeoutSeconds } = options;
    const what = `WATCH ${path}`;
    const response = await this.#transport.open({
      method: 'GET',
      path,
      query: { watch: 1, allowWatchBookmarks: true, ...from, timeoutSeconds, labelSelector, fieldSelector },
      timeoutMs: WATCH_OPEN_MS,
      idleMs: options.idleMs,
      ...withSignal(options.signal),
    });
    const status = response.statusCode ?? 0;
    if (status !== 200) {
      const body = await readJson(response, { maxBytes: this.#maxBodyBytes, what });
      throw failureOf(body, { httpStatus: status, retryAfter: response.headers['retry-after'], what });
    }
    yield [];
    yield* watchEvents(response, what);
  }
}

function pathOf(ref: ObjectRef, subresource?: string): string {
  const path = objectPath(ref.resource, ref.namespace ?? '', ref.name);
  return subresource === undefined ? path : `${path}/${subresource}`;
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
