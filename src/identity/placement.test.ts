import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IdentityId, type IdentityObject, identityId, type Workload, workloadKey } from '../model/index.ts';
import { type CollectedStore, collectIdentities } from './collection-testkit.ts';
import { type IdentityStore, isOf, placeIdentity } from './placement.ts';
import { probes } from './probes.ts';
import { CLUSTER_RANGE, type IdentityRange } from './reserved.ts';
import { sampleWorkload } from './samples.ts';

describe('the numbers that a workload may have', () => {
  it('are all of a small range, each once, and others for another workload', () => {
    const range = { first: 256, last: 256 + 59 };
    const one = [...probes('one', range)];
    expect(new Set(one).size).toBe(60);
    expect(Math.max(...one)).toBe(315);
    expect([...probes('other', range)]).not.toEqual(one);
    expect([...probes('one', range)]).toEqual(one);
  });

  it('do not go on for ever in a large one', () => {
    expect(new Set(probes('one', CLUSTER_RANGE)).size).toBe(128);
  });
});

type Step = () => Promise<unknown>;

/**
 * Objects as an API server keeps them. `step` comes before each request takes effect and before each answer arrives;
 * `fails` says of each request whether it gets lost on its way there or on its way back.
 */
class Objects implements IdentityStore, CollectedStore {
  readonly byId = new Map<IdentityId, IdentityObject>();
  #version = 0;
  readonly #step: Step;
  readonly node: string = 'node-1';
  readonly #fails: () => 'there' | 'back' | undefined;
  /** At the moment at which a request sees an object of this workload that is not to go. */
  seen: (workload: Workload) => void = () => undefined;

  constructor(step: Step = async () => undefined, fails: () => 'there' | 'back' | undefined = () => undefined) {
    this.#step = step;
    this.#fails = fails;
  }

  /** The store as one node has it. */
  of(node: string): IdentityStore {
    const { get, keep, remove } = this;
    return { node, get, keep, remove, create: async (id, workload) => await this.create(id, workload, node) };
  }

  readonly create = async (id: IdentityId, workload: Workload, node = this.node): Promise<boolean> =>
    await this.#request(() => {
      if (this.byId.has(id)) return false;
      this.put(id, { workload, heldBy: node });
      this.seen(workload);
      return true;
    });
  readonly get = async (id: IdentityId): Promise<IdentityObject | undefined> =>
    await this.#request(() => {
      const object = this.byId.get(id);
      if (object?.workload !== undefined && !object.retiring) this.seen(object.workload);
      return object;
    });
  readonly list = async (): Promise<IdentityObject[]> => await this.#request(() => [...this.byId.values()]);
  readonly keep = async (object: IdentityObject): Promise<boolean> =>
    await this.#request(
      () => this.#isNow(object) && this.put(object.id, { ...object, heldBy: '', retiring: false }) !== undefined,
    );
  readonly retire = async (object: IdentityObject): Promise<IdentityObject | undefined> =>
    await this.#request(() => (this.#isNow(object) ? this.put(object.id, { ...object, retiring: true }) : undefined));
  readonly remove = async (object: IdentityObject): Promise<boolean> =>
    await this.#request(() => this.#isNow(object) && this.byId.delete(object.id));

  put(id: IdentityId, parts: Pick<IdentityObject, 'workload'> & Partial<IdentityObject>): IdentityObject {
    const resourceVersion = String((this.#version += 1));
    const object = {
      uid: '',
      namespace: '',
      name: String(id),
      heldBy: '',
      retiring: false,
      ...parts,
      id,
      resourceVersion,
    };
    this.byId.set(id, object);
    return object;
  }

  #isNow({ id, resourceVersion }: IdentityObject): boolean {
    return this.byId.get(id)?.resourceVersion === resourceVersion;
  }

  async #request<T>(effect: () => T): Promise<T> {
    await this.#step();
    const failure = this.#fails();
    if (failure === 'there') throw new Error('unreachable');
    const answer = effect();
    await this.#step();
    if (failure === 'back') throw new Error('the answer was lost');
    return answer;
  }
}

const workload = (index: number): Workload => sampleWorkload({ app: `app-${index}` });
const RANGE: IdentityRange = { first: 256, last: 258 };

describe('placing', () => {
  const [first, second] = probes(workloadKey(workload(0)), CLUSTER_RANGE);
  if (first === undefined || second === undefined) throw new Error('a workload has more than one number');

  it('takes one request where the number is free, and finds what is there', async () => {
    let requests = 0;
    const store = new Objects(async () => (requests += 0.5));
    expect(await placeIdentity(workload(0), store)).toBe(first);
    expect(requests).toBe(1);
    expect(await placeIdentity(workload(0), store)).toBe(first);
    expect(store.byId.size).toBe(1);
  });

  it('passes over others, what cannot be read, and keeps those who were to go', async () => {
    const store = new Objects();
    store.put(first, { workload: workload(1), retiring: true });
    expect(await placeIdentity(workload(0), store)).toBe(second);
    expect(store.byId.get(first)).toMatchObject({ retiring: false });
    store.byId.clear();
    store.put(first, { workload: undefined });
    expect(await placeIdentity(workload(0), store)).toBe(second);
  });

  it('takes what another node has alone, and what is passed over, from who could delete it', async () => {
    const store = new Objects();
    store.put(first, { workload: workload(1), heldBy: 'node-1' });
    store.put(second, { workload: workload(0), heldBy: 'node-2' });
    expect(await placeIdentity(workload(0), store)).toBe(second);
    expect([store.byId.get(first)?.heldBy, store.byId.get(second)?.heldBy]).toEqual(['', '']);
  });

  it('keeps its own that was to go', async () => {
    const store = new Objects();
    store.put(first, { workload: workload(0), retiring: true });
    expect(await placeIdentity(workload(0), store)).toBe(first);
    expect(store.byId.get(first)).toMatchObject({ retiring: false });
  });

  it('says when every number is taken', async () => {
    const store = new Objects();
    for (const [index, id] of [...probes('', RANGE)].entries()) store.put(id, { workload: workload(index + 1) });
    await expect(placeIdentity(workload(0), store, RANGE)).rejects.toMatchObject({ code: 'E_IDENTITY_EXHAUSTED' });
  });
});

describe('collecting', () => {
  const collect = async (store: Objects, used: readonly number[], grace = async () => undefined as void) =>
    await collectIdentities({ store, used: async () => new Set(used.map(identityId)), grace });

  it('deletes what nobody has, and not those on the way to others, before these are gone', async () => {
    const store = new Objects();
    const [first, second] = probes(workloadKey(workload(0)), CLUSTER_RANGE);
    store.put(first ?? expect.fail(), { workload: workload(1) });
    expect(await placeIdentity(workload(0), store)).toBe(second);
    expect(await collect(store, [second ?? 0])).toEqual([]);
    expect(await collect(store, [])).toEqual([second]);
    expect(await collect(store, [])).toEqual([first]);
    expect(store.byId.size).toBe(0);
  });

  it('takes its mark back of what somebody has by then', async () => {
    const store = new Objects();
    const id = await placeIdentity(workload(0), store);
    const used: number[] = [];
    expect(await collect(store, used, async () => void used.push(id))).toEqual([]);
    expect(store.byId.get(id)).toMatchObject({ retiring: false });
  });

  it('leaves alone what somebody kept meanwhile', async () => {
    const store = new Objects();
    const id = await placeIdentity(workload(0), store);
    expect(await collect(store, [], async () => void (await placeIdentity(workload(0), store)))).toEqual([]);
    expect(store.byId.has(id)).toBe(true);
  });
});

describe('however requests of many come between each other, fail, or their answers get lost', () => {
  const agentPlan = fc.array(fc.record({ app: fc.nat(3), turns: fc.nat(60) }), { minLength: 2, maxLength: 6 });
  const failures = fc.infiniteStream(
    fc.oneof(
      { weight: 15, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom('there' as const, 'back' as const) },
    ),
  );

  it('no workload has two numbers, no number two workloads, and what somebody has is there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(agentPlan, { minLength: 2, maxLength: 3 }),
        fc.array(fc.integer({ min: 3, max: 12 }), { minLength: 1, maxLength: 2 }),
        failures,
        async (scheduler, plans, collectors, stream) => {
          const step: Step = async () => await scheduler.schedule(Promise.resolve());
          const store = new Objects(step, () => stream.next().value);
          const users = new Map<IdentityId, { readonly key: string; count: number }>();
          /** Who may have seen already what he is going to use. */
          const deciding = new Set<Placement>();
          const placements = new Set<Placement>();
          store.seen = (of) => {
            for (const each of placements) if (each.key === workloadKey(of)) deciding.add(each);
          };

          const use = (id: IdentityId, key: string): void => {
            for (const [other, user] of users) {
              if (other === id) expect(user.key, `${id} for two`).toBe(key);
              else expect(user.key, `${other} and ${id} for one`).not.toBe(key);
            }
            const user = users.get(id) ?? { key, count: 0 };
            user.count += 1;
            users.set(id, user);
          };
          const holds = (id: IdentityId, key: string): void => {
            const { workload: of } = store.byId.get(id) ?? {};
            expect(of && workloadKey(of), `the object of ${id}`).toBe(key);
          };
          const place = async (node: string, app: number): Promise<IdentityId | undefined> => {
            const key = workloadKey(workload(app));
            const { promise: done, resolve } = Promise.withResolvers<void>();
            const placement = { key, done };
            placements.add(placement);
            try {
              const id = await placeIdentity(workload(app), store.of(node), RANGE);
              use(id, key);
              return id;
            } catch (error) {
              if (isAssertion(error)) throw error;
              return undefined;
            } finally {
              placements.delete(placement);
              deciding.delete(placement);
              resolve();
            }
          };
          const agent = async (plan: readonly { app: number; turns: number }[], node: string): Promise<void> => {
            for (const { app, turns } of plan) {
              const key = workloadKey(workload(app));
              const id = await place(node, app);
              if (id === undefined) continue;
              for (let turn = 0; turn < turns; turn += 1) {
                await step();
                holds(id, key);
              }
              const user = users.get(id);
              if (user !== undefined && (user.count -= 1) === 0) users.delete(id);
              // What a node has alone it deletes by itself; what it saw of it may be old.
              const object = await store.get(id).catch(() => undefined);
              if (object?.heldBy === node && isOf(object, key)) await store.remove(object).catch(() => undefined);
            }
          };
          const collector = async (rounds: number): Promise<void> => {
            for (let round = 0; round < rounds; round += 1) {
              await step();
              await collectIdentities({
                store,
                used: async () => new Set(users.keys()),
                grace: async () => void (await Promise.all(Array.from(deciding, ({ done }) => done))),
                range: RANGE,
              }).catch(() => undefined);
            }
          };
          await scheduler.waitFor(
            Promise.all([...plans.map((plan, index) => agent(plan, `node-${index}`)), ...collectors.map(collector)]),
          );
        },
      ),
      { numRuns: Number(process.env['MEMBRANE_RUNS'] ?? 300) },
    );
  });
});

type Placement = { readonly key: string; readonly done: Promise<void> };

const isAssertion = (error: unknown): boolean => error instanceof Error && error.name === 'AssertionError';
