/** The numbers of a cluster that has no API server: as an agent and the operator work with them, on objects in memory. */

import { setImmediate } from 'node:timers/promises';
import { type Clock, isMembraneError } from '../base/index.ts';
import type { PodIdentity, Workload } from '../model/index.ts';
import { ClusterNumbers } from './cluster-numbers.ts';
import { IdentityCollection } from './collection.ts';
import { StoredObjects, WatchedObjects } from './objects-testkit.ts';
import { Placements } from './placements.ts';
import { CLUSTER_RANGE, type IdentityRange } from './reserved.ts';

const GRACE_MS = 600_000;

type Node = {
  readonly numbers: ClusterNumbers;
  readonly placements: Placements;
  readonly watched: WatchedObjects;
  readonly clock: Clock;
};

/** Outlives its nodes, as what an API server keeps does. */
export class NumberedCluster {
  readonly store = new StoredObjects();
  readonly #range: IdentityRange;
  readonly #nodes = new Map<string, Node>();
  readonly #collection: IdentityCollection;

  constructor(range: IdentityRange = CLUSTER_RANGE) {
    this.#range = range;
    const { store } = this;
    const clock = { elapsed: () => this.#leader?.clock.elapsed() ?? 0 };
    const settings = { grace: GRACE_MS, rest: 0, namespaceShare: 1 };
    this.#collection = new IdentityCollection({ ...settings, store, receipts: store.receipts, clock, range });
  }

  /** One node leads, as the operator does, also when its agent is another by now. */
  get #leader(): Node | undefined {
    const [first] = this.#nodes.values();
    return first;
  }

  /** Numbers as a node of this name knows them, to which nothing was shown yet; whoever had the name is gone. */
  join(name: string, clock: Clock): ClusterNumbers {
    const { store } = this;
    const range = this.#range;
    const placements = new Placements({ store, clock, range });
    void placements.start(new AbortController());
    const numbers = new ClusterNumbers({ placements, range });
    this.#nodes.set(name, { numbers, placements, watched: new WatchedObjects(store), clock });
    return numbers;
  }

  /**
   * Shows every node what the objects are now, waits for the answers to what nodes have asked, and takes numbers back.
   * False: nothing is news to anybody; what nodes have heard is settled when each has made a pass since.
   */
  async settle(): Promise<boolean> {
    const before = this.store.events.length;
    const shown = Array.from(this.#nodes.values(), (node) => this.#show(node));
    // Requests in memory take turns of no more than this.
    await setImmediate();
    await this.#collect();
    const isAnswered = Array.from(this.#nodes.values()).some(
      ({ placements }) => !placements.areTaken(placements.begun),
    );
    return shown.includes(true) || isAnswered || this.store.events.length > before;
  }

  /** What an engine does, on a node that has none: what nobody has leaves, until nothing is news. */
  async pass(numbers: ClusterNumbers): Promise<void> {
    do {
      numbers.follow();
      leave(numbers);
    } while (await this.settle());
  }

  /** Asks for a number until it is there. What is refused is thrown. */
  async acquire(numbers: ClusterNumbers, workload: Workload): Promise<PodIdentity> {
    for (;;) {
      numbers.follow();
      try {
        return numbers.acquire(workload);
      } catch (error) {
        if (!isMembraneError(error, 'E_IDENTITY_ASKED')) throw error;
      }
      leave(numbers);
      await this.settle();
    }
  }

  #show({ numbers, watched }: Node): boolean {
    const { upserts, deletes } = watched.hear();
    const isNews = upserts.length + deletes.length > 0 || !numbers.synced;
    if (isNews) numbers.objects.apply({ upserts, deletes, synced: true });
    return isNews;
  }

  async #collect(): Promise<void> {
    const nodes = this.#nodes;
    const leader = this.#leader;
    if (leader === undefined) return;
    for (const [name, { numbers }] of nodes) this.store.heard.set(name, numbers.heard);
    const used = new Set(
      Array.from(nodes.values()).flatMap(({ numbers }) =>
        numbers.identities().flatMap(({ id }) => (numbers.users(id) > 0 ? [id] : [])),
      ),
    );
    const objects = leader.watched.rows;
    await this.#collection.round({ objects, used, isNode: (name) => nodes.has(name) }, () => undefined);
  }
}

function leave(numbers: ClusterNumbers): void {
  numbers.expire();
  numbers.settle();
}
