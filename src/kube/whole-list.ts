import { isMembraneError } from '../base/index.ts';
import type { ObjectRow } from '../model/index.ts';
import type { KubeClient, Selection } from './client.ts';
import { kubeErrors } from './errors.ts';
import type { CacheChanges, Replacement } from './reflector-cache.ts';
import type { Resource } from './resources/resource.ts';
import { retryAfterOf } from './response.ts';

export type WholeListOptions<T extends ObjectRow> = {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  readonly selection?: Selection | undefined;
  /** Objects a page. */
  readonly pageSize?: number | undefined;
  /** Silence after which a streamed list is taken for dead. */
  readonly idleMs: number;
  /** The server said something. */
  readonly heard: () => void;
};

export type ListedChanges<T> = CacheChanges<T> & { readonly resourceVersion: string };

/** A server may take its time for a hundred thousand objects; silence is noticed much earlier. */
const STREAM_SECONDS = 600;

/**
 * All objects of one kind at one moment: as a stream where the server has that (KEP-3157: neither side holds a page of
 * them), in pages elsewhere. A stream that is refused, for whatever reason, or does not come to its end is nothing: pages are asked for.
 */
export class WholeList<T extends ObjectRow> {
  readonly #o: WholeListOptions<T>;
  #streams = true;
  #isPutOff = false;

  constructor(options: WholeListOptions<T>) {
    this.#o = options;
  }

  /** Throws as `KubeClient.list` does; nothing has changed then. */
  async read(begin: () => Replacement<T>, signal: AbortSignal): Promise<ListedChanges<T>> {
    return (this.#streams ? await this.#tryStream(begin(), signal) : undefined) ?? (await this.#pages(begin(), signal));
  }

  /** Undefined: it is to be had in pages only. */
  async #tryStream(replacement: Replacement<T>, signal: AbortSignal): Promise<ListedChanges<T> | undefined> {
    try {
      return await this.#stream(replacement, signal);
    } catch (error) {
      // Who is not there answers no other question either.
      if (!isMembraneError(error) || isMembraneError(error, 'E_KUBE_UNREACHABLE')) throw error;
      // Who is too busy is asked again when he says; a second time it may be the stream that he cannot give.
      this.#isPutOff = !this.#isPutOff && retryAfterOf(error) !== undefined;
      if (this.#isPutOff) throw error;
      // Whoever does not know what was asked for, or begins and never says that this was all, will not learn it. Others
      // may have reasons that pass, or that we shall never know: etcd before 3.4.25 has no progress to ask for.
      if (isMembraneError(error, 'E_KUBE_INVALID') || isMembraneError(error, 'E_KUBE_SILENT')) this.#streams = false;
      return undefined;
    }
  }

  async #stream(replacement: Replacement<T>, signal: AbortSignal): Promise<ListedChanges<T> | undefined> {
    const { client, resource, selection, idleMs, heard } = this.#o;
    const asked = { ...selection, signal, timeoutSeconds: STREAM_SECONDS, idleMs };
    for await (const events of client.watchList(resource, asked)) {
      heard();
      for (const event of events) {
        if (event.type === 'UNREADABLE') throw kubeErrors.make('E_KUBE_RESPONSE', { detail: event.problem });
        if (event.type === 'DELETED') replacement.remove(event.object);
        else if (event.type !== 'BOOKMARK') replacement.add(event.object);
        else if (event.isWhole === true) {
          const { resourceVersion } = event;
          // What came in the same piece of the network comes again with the watch that goes on from here.
          return { ...replacement.finish(), resourceVersion };
        }
      }
    }
    return undefined;
  }

  async #pages(replacement: Replacement<T>, signal: AbortSignal): Promise<ListedChanges<T>> {
    const { client, resource, selection, pageSize, heard } = this.#o;
    let resourceVersion = '';
    const asked = { ...selection, ...(pageSize !== undefined && { limit: pageSize }), signal };
    for await (const page of client.list(resource, asked)) {
      heard();
      for (const object of page.items) replacement.add(object);
      resourceVersion = page.resourceVersion;
    }
    return { ...replacement.finish(), resourceVersion };
  }
}
