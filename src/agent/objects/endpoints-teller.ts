import {
  Backoff,
  type Clock,
  errorMessage,
  isMembraneError,
  type Lifecycle,
  type Logger,
  type NamespacedName,
  namespacedName,
  type Service,
} from '../../base/index.ts';
import { isSliceOf, planSlices, type SliceContent } from '../../cluster/index.ts';
import type { NodeSliceObjects } from '../../kube/index.ts';
import type { NodeEndpointSlice } from '../../model/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { TableReader } from '../../table/index.ts';
import { toldEndpoints } from './told-endpoints.ts';

/** Whatever happens here, others hear of it ten times a second at most, but of what comes after a while of quiet at once. */
const TELL_MS = 100;
const AT_ONCE = 4;
/** After a round that had nothing to write: a pod is known to the API before its network is there to be told of. */
const LOOK_MS = 10;
/** So often in a row somebody else may have been faster; more often the server takes nothing. */
const MOST_OUTRUN = 5;
/** Own versions that the watch has still to bring. */
const MOST_AWAITED = 64;

export type EndpointsTellerOptions = {
  readonly store: Pick<NodeSliceObjects, 'write' | 'read' | 'remove'>;
  readonly plane: Pick<Plane, 'intent' | 'cluster' | 'endpoints' | 'engine' | 'endpointsChanged'>;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Keeps the API at what this node has to tell of its pods, and says nothing before it knows all of it. What is written is
 * compared with what the API has, so what somebody else changes or deletes there is put right.
 */
export class EndpointsTeller implements Service {
  readonly #o: EndpointsTellerOptions;
  readonly #reader: TableReader<NamespacedName>;
  /** What the API has of this node, as far as is known, by number. */
  readonly #shown = new Map<number, NodeEndpointSlice>();
  readonly #awaited = new Set<string>();
  readonly #backoff = new Backoff({ initial: 100, max: 10_000 });
  #wanted = Promise.withResolvers<void>();
  #nodeUid: string | undefined;
  #problem: string | undefined;
  /** Up to then the rounds that told something take all of their share, on the clock that nobody sets. */
  #paidUntil = 0;
  /** Rounds in a row in which what was to be replaced was another by then. */
  #outrun = 0;

  constructor(options: EndpointsTellerOptions) {
    this.#o = options;
    const { intent, cluster, engine, endpointsChanged } = options.plane;
    this.#reader = intent.nodeSlices.reader();
    for (const signal of [intent.pods.changed, cluster.identities.rows.changed, endpointsChanged, engine.adopted]) {
      signal.listen(() => this.#wanted.resolve());
    }
    intent.nodes.changed.listen(() => {
      if (this.#ownNode()?.uid !== this.#nodeUid) this.#wanted.resolve();
    });
    intent.nodeSlices.changed.listen(() => {
      if (this.#hear()) this.#wanted.resolve();
    });
  }

  /** Why others may not know what is so. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Objects that tell of this node. */
  get slices(): number {
    return this.#shown.size;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.signal.addEventListener('abort', () => this.#wanted.resolve(), { once: true });
    lifecycle.spawn('told endpoints', async (signal) => {
      while (!signal.aborted) {
        await this.#wanted.promise;
        if (signal.aborted) return;
        this.#wanted = Promise.withResolvers<void>();
        const pause = await this.#round();
        await this.#o.clock.sleep(pause, signal).catch(() => undefined);
      }
    });
  }

  async stop(): Promise<void> {}

  #ownNode() {
    return this.#o.plane.intent.nodes.get(namespacedName({ name: this.#o.node }));
  }

  /** Takes in what the watch brought of this node; true when that is not what was written here. */
  #hear(): boolean {
    const { plane, node } = this.#o;
    let isOther = false;
    for (const name of this.#reader.drain()) {
      if (!isSliceOf(name, node)) continue;
      const row = plane.intent.nodeSlices.get(name);
      if (row !== undefined && this.#awaited.delete(row.resourceVersion)) continue;
      isOther = true;
      const slice = Number(name.slice(node.length + 1));
      if (row === undefined) this.#shown.delete(slice);
      else this.#shown.set(slice, row);
    }
    return isOther;
  }

  /** Returns how long to wait before the next. */
  async #round(): Promise<number> {
    const { plane, node, log } = this.#o;
    if (!plane.engine.converged) return LOOK_MS;
    this.#nodeUid = this.#ownNode()?.uid;
    if (this.#nodeUid === undefined) {
      this.#problem = `there is no Node ${node}: nobody is told of its pods`;
      return TELL_MS;
    }
    const shown = [...this.#shown.values()];
    const endpoints = toldEndpoints(plane);
    const { writes, deletes } = planSlices({ node, nodeUid: this.#nodeUid, endpoints, shown });
    try {
      let other: unknown;
      for (const content of writes) other = (await this.#write(content)) ?? other;
      for (const slice of deletes) other = (await this.#remove(slice)) ?? other;
      this.#outrun = other === undefined ? 0 : this.#outrun + 1;
      if (this.#outrun > MOST_OUTRUN) throw other;
      this.#problem = undefined;
      this.#backoff.reset();
      return writes.length + deletes.length === 0 ? LOOK_MS : this.#rest();
    } catch (error) {
      this.#problem = errorMessage(error);
      log.warn({ error: this.#problem }, 'other nodes could not be told of pods here');
      this.#wanted.resolve();
      return this.#backoff.next();
    }
  }

  /** After a round that told something. */
  #rest(): number {
    const now = this.#o.clock.elapsed();
    this.#paidUntil = Math.max(this.#paidUntil, now) + TELL_MS;
    return Math.max(this.#paidUntil - now - (AT_ONCE - 1) * TELL_MS, LOOK_MS);
  }

  async #write(content: SliceContent): Promise<unknown> {
    const { store } = this.#o;
    const { slice } = content;
    return await this.#unlessOther(slice, async () => {
      const written = await store.write(content, this.#shown.get(slice)?.resourceVersion);
      this.#shown.set(slice, written);
      if (this.#awaited.size >= MOST_AWAITED) this.#awaited.clear();
      this.#awaited.add(written.resourceVersion);
    });
  }

  async #remove(shown: NodeEndpointSlice): Promise<unknown> {
    return await this.#unlessOther(shown.slice, async () => {
      await this.#o.store.remove(shown);
      this.#shown.delete(shown.slice);
    });
  }

  /** What is another by now is read, and decided about in the next round; returns what the server said then. */
  async #unlessOther(slice: number, act: () => Promise<void>): Promise<unknown> {
    const { store, node } = this.#o;
    try {
      await act();
      return undefined;
    } catch (error) {
      if (!isMembraneError(error, 'E_KUBE_CONFLICT') && !isMembraneError(error, 'E_KUBE_NOT_FOUND')) throw error;
      const now = await store.read(node, slice);
      if (now === undefined) this.#shown.delete(slice);
      else this.#shown.set(slice, now);
      this.#wanted.resolve();
      return error;
    }
  }
}
