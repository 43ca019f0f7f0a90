import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { type IdentityId, identityId, type Workload, workloadKey } from '../model/index.ts';
import { ClusterNumbers } from './cluster-numbers.ts';
import { type CollectionSettings, type CollectionView, IdentityCollection } from './collection.ts';
import { type Step, StoredObjects, WatchedObjects } from './objects-testkit.ts';
import { placeIdentity } from './placement.ts';
import { Placements } from './placements.ts';
import { probes } from './probes.ts';
import { CLUSTER_RANGE, type IdentityRange } from './reserved.ts';
import { sampleWorkload } from './samples.ts';

const workload = (index: number, namespace = 'shop'): Workload => sampleWorkload({ app: `app-${index}`, namespace });
const never = (): void => undefined;

function scene(settings: Partial<CollectionSettings> = {}) {
  const store = new StoredObjects();
  const clock = new FakeClock();
  const collection = new IdentityCollection({
    grace: 1_000,
    rest: 100,
    namespaceShare: 1,
    ...settings,
    store,
    receipts: store.receipts,
    clock,
  });
  const round = async (used: readonly number[] = [], isNode: CollectionView['isNode'] = () => true) => {
    const objects = new Map(Array.from(store.byId.values(), (object) => [object.name, object]));
    return await collection.round({ objects, used: new Set(used.map(identityId)), isNode }, never);
  };
  /** Two rounds with the rest in between. */
  const collected = async (used: readonly number[] = []) => {
    await round(used);
    await round(used);
    await clock.advance(100);
    return (await round(used)).deleted;
  };
  return { store, clock, round, collected };
}

describe('collecting', () => {
  it('marks what nobody uses for its grace, and deletes it after its rest', async () => {
    const { store, clock, round } = scene();
    const id = await placeIdentity(workload(0), store);
    await round();
    await clock.advance(999);
    expect((await round()).marked).toBe(0);
    await clock.advance(1);
    expect((await round()).marked).toBe(1);
    expect(await round()).toMatchObject({ deleted: [], waiting: 1 });
    await clock.advance(99);
    expect((await round()).deleted).toEqual([]);
    await clock.advance(1);
    expect(await round()).toMatchObject({ deleted: [id], waiting: 0 });
  });

  it('counts what passed, whatever somebody sets the clock to', async () => {
    const { store, clock, round } = scene();
    await placeIdentity(workload(0), store);
    await round();
    clock.set(3_600_000);
    expect(await round()).toMatchObject({ marked: 0 });
    await clock.advance(1_000);
    clock.set(-7_200_000);
    expect(await round()).toMatchObject({ marked: 1 });
  });

  it('waits until every node has heard of the mark, and for none that is gone', async () => {
    const { store, collected, round } = scene({ grace: 0 });
    const id = await placeIdentity(workload(0), store);
    store.heard.set('node-1', 0).set('node-2', 0);
    expect(await collected()).toEqual([]);
    const marked = Number(store.byId.get(id)?.resourceVersion);
    store.heard.set('node-1', marked);
    expect(await round()).toMatchObject({ deleted: [], waiting: 1, behind: ['node-2'] });
    store.heard.set('node-2', marked - 1);
    expect((await round()).deleted).toEqual([]);
    expect((await round([], (name) => name === 'node-1')).deleted).toEqual([id]);
  });

  it('deletes those on the way to others after these', async () => {
    const { store, collected } = scene({ grace: 0 });
    const [first = 0, second = 0] = probes(workloadKey(workload(0)), CLUSTER_RANGE);
    store.put(identityId(first), { workload: workload(1) });
    expect(await placeIdentity(workload(0), store)).toBe(second);
    expect(await collected([second])).toEqual([]);
    expect(await collected()).toEqual([second]);
    expect(await collected()).toEqual([first]);
  });

  it('takes its mark back of what somebody uses by then, and of what somebody passes over', async () => {
    const { store, round } = scene({ grace: 0 });
    const [first = 0, second = 0] = probes(workloadKey(workload(0)), CLUSTER_RANGE);
    store.put(identityId(first), { workload: workload(1), retiring: true });
    store.put(identityId(second), { workload: workload(0), retiring: true });
    expect((await round([second])).kept).toBe(2);
    expect(Array.from(store.byId.values(), ({ retiring }) => retiring)).toEqual([false, false]);
  });

  it('begins anew with what somebody kept meanwhile', async () => {
    const { store, clock, round } = scene({ grace: 0 });
    const id = await placeIdentity(workload(0), store);
    await round();
    await round();
    await placeIdentity(workload(0), store);
    await clock.advance(100);
    expect(await round()).toMatchObject({ marked: 1, deleted: [] });
    expect(store.byId.has(id)).toBe(true);
  });

  it('begins anew with what was kept and marked again between two looks', async () => {
    const { store, clock, round } = scene({ grace: 0 });
    const id = await placeIdentity(workload(0), store);
    await round();
    await round();
    await clock.advance(100);
    for (const act of [store.keep, store.retire]) await act(store.byId.get(id) ?? expect.fail());
    expect(await round()).toMatchObject({ deleted: [], waiting: 1 });
    await clock.advance(100);
    expect((await round()).deleted).toEqual([id]);
  });

  it('does not wait where a namespace is short of numbers, or all are', async () => {
    const { store, round } = scene({ namespaceShare: 4 / 65_280 });
    for (const index of [0, 1]) await placeIdentity(workload(index), store);
    await placeIdentity(workload(0, 'other'), store);
    expect((await round()).marked).toBe(0);
    const third = await placeIdentity(workload(2), store);
    expect((await round([third])).marked).toBe(2);
    expect(Array.from(store.byId.values()).find(({ workload: of }) => of?.namespace === 'other')?.retiring).toBe(false);
  });

  it('leaves alone what it cannot read', async () => {
    const { store, collected } = scene({ grace: 0 });
    store.put(identityId(300), { workload: undefined });
    expect(await collected()).toEqual([]);
  });

  it('sends nothing more once it is told to end', async () => {
    const { store } = scene();
    const clock = new FakeClock();
    const settings = { grace: 0, rest: 0, namespaceShare: 1 };
    const end = new AbortController();
    const retire = async (): Promise<boolean> => {
      end.abort(new Error('the lease is lost'));
      return true;
    };
    const collection = new IdentityCollection({
      ...settings,
      store: { keep: store.keep, remove: store.remove, retire },
      receipts: store.receipts,
      clock,
    });
    for (let index = 0; index < 20; index += 1) await placeIdentity(workload(index), store);
    const objects = new Map(Array.from(store.byId.values(), (object) => [object.name, object]));
    await expect(
      collection.round({ objects, used: new Set(), isNode: () => true }, () => end.signal.throwIfAborted()),
    ).rejects.toThrow('the lease is lost');
    expect(Array.from(store.byId.values()).filter(({ retiring }) => retiring)).toEqual([]);
  });
});

const RANGE: IdentityRange = { first: 256, last: 258 };

type Wish = { readonly app: number; readonly passes: number; readonly hears: number };

/** A node as its engine asks: pods come and go, what the watch brings comes late, and the kernel hears of it once a pass. */
class Node {
  readonly numbers: ClusterNumbers;
  /** Own pods' numbers, and what they mean to those pods. */
  readonly used = new Map<IdentityId, string>();
  readonly #name: string;
  readonly #store: StoredObjects;
  readonly #step: Step;
  readonly #watched: WatchedObjects;
  readonly #placements: Placements;

  constructor(name: string, store: StoredObjects, step: Step) {
    this.#name = name;
    this.#store = store;
    this.#step = step;
    this.#watched = new WatchedObjects(store);
    const clock = { now: () => 0, sleep: async () => void (await step()) };
    this.#placements = new Placements({ store, clock, range: RANGE });
    this.numbers = new ClusterNumbers({ placements: this.#placements, range: RANGE });
  }

  async live(wishes: readonly Wish[], check: () => void, lifecycle: Lifecycle): Promise<void> {
    await this.#placements.start(lifecycle);
    this.#store.heard.set(this.#name, 0);
    this.numbers.objects.apply({ upserts: [], deletes: [], synced: true });
    for (const wish of wishes) {
      const key = workloadKey(workload(wish.app));
      let mine: IdentityId | undefined;
      for (let pass = 0; pass < wish.passes; pass += 1) {
        await this.#step();
        this.numbers.objects.apply({ ...this.#watched.hear(wish.hears), synced: true });
        const lost = this.numbers.follow();
        if (mine !== undefined && lost.has(mine)) mine = this.#release(mine);
        mine ??= this.#acquire(wish.app, key);
        check();
        this.numbers.expire();
        // Here the kernel is written.
        await this.#step();
        this.numbers.settle();
        await this.#tell();
      }
      if (mine !== undefined) this.#release(mine);
    }
  }

  #acquire(app: number, key: string): IdentityId | undefined {
    try {
      const { id } = this.numbers.acquire(workload(app));
      this.used.set(id, key);
      return id;
    } catch {
      return undefined;
    }
  }

  #release(id: IdentityId): undefined {
    this.used.delete(id);
    this.numbers.release(id);
  }

  async #tell(): Promise<void> {
    const { heard } = this.numbers;
    if (this.#store.heard.get(this.#name) === heard) return;
    await this.#store.request(() => this.#store.heard.set(this.#name, heard)).catch(() => undefined);
  }
}

describe('however requests of many come between each other, fail, or their answers get lost, and however late nodes hear', () => {
  const wishes = fc.array(
    fc.record({ app: fc.nat(4), passes: fc.integer({ min: 1, max: 25 }), hears: fc.integer({ min: 0, max: 6 }) }),
    { minLength: 2, maxLength: 8 },
  );
  const failures = fc.infiniteStream(
    fc.oneof(
      { weight: 15, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom('there' as const, 'back' as const) },
    ),
  );

  it('a number that a pod has means its workload to every node that knows it, and no workload has two', async () => {
    let deletions = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(wishes, { minLength: 2, maxLength: 3 }),
        fc.array(fc.integer({ min: 5, max: 40 }), { minLength: 1, maxLength: 2 }),
        failures,
        async (scheduler, plans, collectors, stream) => {
          const step: Step = async () => await scheduler.schedule(Promise.resolve());
          const store = new StoredObjects(step, () => stream.next().value);
          const nodes = plans.map((_, index) => new Node(`node-${index}`, store, step));
          const check = (): void => {
            const byKey = new Map<string, IdentityId>();
            for (const [id, key] of nodes.flatMap(({ used }) => [...used])) {
              expect(byKey.get(key) ?? id, `two numbers for one: ${key}`).toBe(id);
              byKey.set(key, id);
              for (const [index, { numbers }] of nodes.entries()) {
                const meant = numbers.get(id);
                if (meant !== undefined) expect(workloadKey(meant.workload), `${id} to node ${index}`).toBe(key);
              }
            }
          };
          const lifecycle = new Lifecycle({ log: silentLogger });
          const collector = async (rounds: number): Promise<void> => {
            const clock = { elapsed: () => 0 };
            const settings = { grace: 0, rest: 0, namespaceShare: 1 };
            const { receipts } = store;
            const collection = new IdentityCollection({ ...settings, store, receipts, clock, range: RANGE });
            const watched = new WatchedObjects(store);
            for (let round = 0; round < rounds; round += 1) {
              await step();
              watched.hear(4);
              // It knows of nobody who uses a number.
              const view = { objects: watched.rows, used: new Set<IdentityId>(), isNode: () => true };
              const { deleted } = await collection.round(view, never).catch(() => ({ deleted: [] }));
              deletions += deleted.length;
            }
          };
          await scheduler.waitFor(
            Promise.all([
              ...nodes.map(async (node, index) => await node.live(plans[index] ?? [], check, lifecycle)),
              ...collectors.map(collector),
            ]),
          );
        },
      ),
      { numRuns: Number(process.env['MEMBRANE_RUNS'] ?? 60) },
    );
    // It must be about something.
    expect(deletions).toBeGreaterThan(0);
  });
});
