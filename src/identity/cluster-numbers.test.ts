import { describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { type IdentityId, type IdentityObject, identityId, type Workload, workloadKey } from '../model/index.ts';
import { ClusterNumbers } from './cluster-numbers.ts';
import type { IdentityStore } from './placement.ts';
import { Placements } from './placements.ts';
import { probes } from './probes.ts';
import { CLUSTER_RANGE } from './reserved.ts';
import { sampleWorkload } from './samples.ts';

const workload = (app: string, namespace = 'shop'): Workload => sampleWorkload({ app, namespace });
/** Where a workload belongs that meets nobody on its way. */
const placeOf = (of: Workload): IdentityId => {
  const [first] = probes(workloadKey(of), CLUSTER_RANGE);
  return first ?? expect.fail();
};

/** One that comes to the same place first as `web`: of a hundred thousand names the only one. */
const RIVAL = workload('rival-105862');

/** The objects of a cluster, and one node that follows them when it is told to. */
function scene(options: { namespaceShare?: number } = {}) {
  const objects = new Map<IdentityId, IdentityObject>();
  let version = 0;
  let broken = false;
  const put = (id: IdentityId, of: Workload, parts: Partial<IdentityObject> = {}): void => {
    version += 1;
    const common = { uid: `u${version}`, namespace: '', name: String(id), retiring: false };
    objects.set(id, { ...common, ...objects.get(id), ...parts, id, workload: of, resourceVersion: String(version) });
  };
  const isNow = ({ id, resourceVersion }: IdentityObject) => objects.get(id)?.resourceVersion === resourceVersion;
  const answer = <T>(effect: () => T): T => {
    if (broken) throw new Error('the API server is away');
    return effect();
  };
  const requests: string[] = [];
  const store: IdentityStore = {
    create: async (id, of) =>
      answer(() => {
        requests.push(`create ${of.labels.get('app')}`);
        if (objects.has(id)) return false;
        put(id, of);
        return true;
      }),
    get: async (id) => answer(() => objects.get(id)),
    keep: async (object) =>
      answer(() => {
        if (!isNow(object) || object.workload === undefined) return false;
        put(object.id, object.workload, { retiring: false });
        return true;
      }),
  };
  const clock = new FakeClock();
  const placements = new Placements({ store, clock });
  const numbers = new ClusterNumbers({ placements, ...options });
  const lifecycle = new Lifecycle({ log: silentLogger });
  /** The watch brings everything. */
  const watch = (): void => {
    const { rows } = numbers.objects;
    const deletes = Array.from(rows.values()).filter(({ id, uid }) => objects.get(id)?.uid !== uid);
    const upserts = Array.from(objects.values()).filter((object) => rows.get(object.name) !== object);
    numbers.objects.apply({ upserts, deletes, synced: true });
  };
  /** As a pass of the engine asks. */
  const pass = (): { lost: number[]; left: number[] } => {
    const lost = [...numbers.follow()];
    const left = numbers.expire().map(({ id }) => id);
    numbers.settle();
    return { lost, left };
  };
  const answered = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const acquire = async (of: Workload): Promise<number> => {
    numbers.follow();
    try {
      return numbers.acquire(of).id;
    } catch {
      await answered();
      numbers.follow();
      return numbers.acquire(of).id;
    }
  };
  const start = async (): Promise<void> => {
    await placements.start(lifecycle);
    watch();
    pass();
  };
  return {
    objects,
    put,
    numbers,
    clock,
    watch,
    pass,
    answered,
    acquire,
    requests,
    start,
    setBroken: (is: boolean) => (broken = is),
  };
}

describe('a number of the cluster', () => {
  it('is asked for once, and known from then on', async () => {
    const { numbers, answered, requests, start, watch, pass } = scene();
    await start();
    for (let again = 0; again < 3; again += 1) {
      expect(() => numbers.acquire(workload('web'))).toThrow(expect.objectContaining({ code: 'E_IDENTITY_ASKED' }));
    }
    await answered();
    numbers.follow();
    expect(numbers.acquire(workload('web')).id).toBe(placeOf(workload('web')));
    watch();
    expect(pass()).toEqual({ lost: [], left: [] });
    expect(requests).toEqual(['create web']);
  });

  it('that the API shows needs no request', async () => {
    const { put, numbers, requests, start } = scene();
    put(placeOf(workload('web')), workload('web'));
    await start();
    expect(numbers.acquire(workload('web')).id).toBe(placeOf(workload('web')));
    expect(requests).toEqual([]);
  });

  it('is usable while the API is away, and a new one is waited for', async () => {
    const { start, acquire, setBroken, answered, watch, clock } = scene();
    await start();
    const id = await acquire(workload('web'));
    watch();
    setBroken(true);
    expect(await acquire(workload('web'))).toBe(id);
    const failure = { code: 'E_IDENTITY_UNANSWERED', message: expect.stringContaining('the API server is away') };
    await expect(acquire(workload('new'))).rejects.toThrow(expect.objectContaining(failure));
    setBroken(false);
    await clock.advance(200);
    await answered();
    expect(await acquire(workload('new'))).toBe(placeOf(workload('new')));
  });

  it('of a namespace that has its share is refused, also while some are only to go, until they are gone', async () => {
    const { numbers, start, acquire, watch, pass, objects, put } = scene({ namespaceShare: 2 / 65_280 });
    await start();
    const first = identityId(await acquire(workload('one')));
    await acquire(workload('two'));
    watch();
    pass();
    const third = () => numbers.acquire(workload('three'));
    const refused = expect.objectContaining({ code: 'E_IDENTITY_SHARE' });
    expect(third).toThrow(refused);
    numbers.release(first);
    put(first, workload('one'), { retiring: true });
    watch();
    expect(pass().left).toEqual([first]);
    expect(third).toThrow(refused);
    objects.delete(first);
    watch();
    pass();
    expect(await acquire(workload('three'))).toBe(placeOf(workload('three')));
    expect(await acquire(workload('other', 'another'))).toBe(placeOf(workload('other', 'another')));
  });

  it('of a tenant that has all it may have is refused in each of its namespaces, and nobody else’s', async () => {
    const { numbers, start, acquire, watch, pass } = scene();
    await start();
    let limit = 2;
    numbers.limitBy((namespace) => (namespace.startsWith('shop') ? { tenant: 'shop', limit } : undefined));
    await acquire(workload('one', 'shop-web'));
    const two = workload('two', 'shop-db');
    await acquire(two);
    watch();
    pass();
    for (const namespace of ['shop-web', 'shop-db', 'shop-new']) {
      expect(() => numbers.acquire(workload('three', namespace))).toThrow(
        expect.objectContaining({ code: 'E_IDENTITY_SHARE' }),
      );
    }
    expect(await acquire(two), 'what it has').toBe(placeOf(two));
    expect(await acquire(workload('three', 'other'))).toBe(placeOf(workload('three', 'other')));
    limit = 3;
    expect(await acquire(workload('three', 'shop-new'))).toBe(placeOf(workload('three', 'shop-new')));
  });
});

describe('a number that is to be deleted', () => {
  const marked = async () => {
    const all = scene();
    const id = placeOf(workload('web'));
    await all.start();
    all.put(id, workload('web'));
    all.watch();
    all.pass();
    const mark = (): number => {
      all.put(id, workload('web'), { retiring: true });
      all.watch();
      return Number(all.objects.get(id)?.resourceVersion);
    };
    return { ...all, id, mark };
  };

  it('means nobody once the kernel has heard of it, which is told then', async () => {
    const { numbers, id, mark } = await marked();
    expect(numbers.heard).toBe(0);
    const version = mark();
    numbers.follow();
    expect(numbers.expire().map((each) => each.id)).toEqual([id]);
    expect([numbers.get(id), numbers.heard]).toEqual([undefined, 0]);
    numbers.settle();
    expect(numbers.heard).toBe(version);
  });

  it('is kept by who uses it, and that it was heard of is not told before', async () => {
    const { numbers, objects, acquire, pass, answered, watch, id, mark } = await marked();
    await acquire(workload('web'));
    const version = mark();
    expect(pass()).toEqual({ lost: [], left: [] });
    expect(numbers.heard).toBe(0);
    await answered();
    expect(objects.get(id)?.retiring).toBe(false);
    watch();
    pass();
    expect([numbers.heard, numbers.users(id)]).toEqual([version, 1]);
  });

  it('means nobody as soon as the last who used it has gone', async () => {
    const { numbers, acquire, id, mark } = await marked();
    await acquire(workload('web'));
    const version = mark();
    numbers.follow();
    numbers.release(id);
    expect(numbers.expire().map((each) => each.id)).toEqual([id]);
    expect([numbers.get(id), numbers.heard]).toEqual([undefined, 0]);
    numbers.settle();
    expect([numbers.get(id), numbers.heard]).toEqual([undefined, version]);
  });

  it('is not heard of while an answer is under way that may not have seen it', async () => {
    const { numbers, mark, pass, answered } = await marked();
    expect(() => numbers.acquire(workload('api'))).toThrow();
    const version = mark();
    pass();
    expect(numbers.heard).toBe(0);
    await answered();
    pass();
    expect(numbers.heard).toBe(version);
  });

  it('leads to nobody behind it without a request', async () => {
    const { numbers, id, mark, put, watch, pass, requests } = await marked();
    const [first, behind] = probes(workloadKey(RIVAL), CLUSTER_RANGE);
    expect(first).toBe(id);
    put(behind ?? expect.fail(), RIVAL);
    watch();
    pass();
    expect(numbers.acquire(RIVAL).id).toBe(behind);
    numbers.release(behind ?? expect.fail());
    expect(requests).toEqual([]);
    mark();
    expect(numbers.get(id)).toBeDefined();
    expect(() => numbers.acquire(RIVAL)).toThrow();
  });

  it('is kept by who asks for it then, and what was answered before the mark is asked for again', async () => {
    const { numbers, objects, pass, answered, id, mark, put, watch } = await marked();
    objects.delete(id);
    watch();
    pass();
    expect(() => numbers.acquire(workload('web'))).toThrow();
    await answered();
    // Here the answer is there, and not taken: the mark comes first.
    put(id, workload('web'));
    const version = mark();
    numbers.follow();
    expect(numbers.acquire(workload('web')).id).toBe(id);
    numbers.expire();
    numbers.settle();
    expect(numbers.heard).toBe(0);
    pass();
    await answered();
    pass();
    expect([objects.get(id)?.retiring, numbers.heard]).toEqual([false, version]);
  });
});

describe('an object that somebody deleted, replaced or edited', () => {
  it('means nobody before a whole pass has taken it out, though it is made again and that is answered', async () => {
    const { numbers, start, watch, pass, objects, put, answered } = scene();
    const id = placeOf(workload('web'));
    await start();
    put(id, workload('web'));
    watch();
    pass();
    objects.delete(id);
    watch();
    numbers.follow();
    expect(() => numbers.acquire(workload('web'))).toThrow();
    await answered();
    expect(objects.get(id)?.workload).toEqual(workload('web'));
    numbers.follow();
    expect(numbers.get(id)).toBeUndefined();
    expect(numbers.expire().map((each) => each.id)).toEqual([id]);
    numbers.settle();
    numbers.follow();
    expect(() => numbers.acquire(workload('web'))).toThrow();
    await answered();
    numbers.follow();
    expect(numbers.acquire(workload('web')).id).toBe(id);
  });

  it('means nobody when it is answered that it is another’s by now, before the watch says so', async () => {
    const { numbers, start, watch, pass, objects, put, answered } = scene();
    const id = placeOf(workload('web'));
    expect(placeOf(RIVAL)).toBe(id);
    await start();
    put(id, workload('web'));
    watch();
    pass();
    objects.delete(id);
    expect(() => numbers.acquire(RIVAL)).toThrow();
    await answered();
    expect(objects.get(id)?.workload).toEqual(RIVAL);
    numbers.follow();
    expect(numbers.get(id)).toBeUndefined();
    pass();
    watch();
    pass();
    expect(numbers.acquire(RIVAL).id).toBe(id);
  });

  it('is made again by who uses it', async () => {
    const { start, acquire, watch, pass, objects, answered, numbers } = scene();
    await start();
    const id = identityId(await acquire(workload('web')));
    watch();
    pass();
    objects.delete(id);
    watch();
    expect(pass()).toEqual({ lost: [], left: [] });
    expect(numbers.doubts()).toMatchObject([{ identity: { id, workload: workload('web') }, failure: undefined }]);
    await answered();
    pass();
    expect(objects.get(id)?.workload).toEqual(workload('web'));
    expect(numbers.doubts(), 'an answer is enough').toEqual([]);
    expect(numbers.takeTurned(), 'there is nothing to say it on yet').toEqual([]);
    watch();
    expect(pass()).toEqual({ lost: [], left: [] });
    expect(numbers.takeTurned()).toEqual([{ object: objects.get(id), was: workload('web'), how: 'deleted' }]);
    watch();
    pass();
    expect(numbers.takeTurned(), 'told of once').toEqual([]);
  });

  it('is in doubt, with the reason, while nobody makes it again', async () => {
    const { start, acquire, watch, pass, objects, answered, numbers, setBroken, clock } = scene();
    await start();
    const id = identityId(await acquire(workload('web')));
    watch();
    pass();
    expect(numbers.doubts()).toEqual([]);
    objects.delete(id);
    setBroken(true);
    watch();
    pass();
    await answered();
    expect(numbers.doubts()).toMatchObject([{ identity: { id }, failure: new Error('the API server is away') }]);
    expect(await acquire(workload('web')), 'its pods keep it').toBe(id);
    setBroken(false);
    pass();
    await clock.advance(200);
    await answered();
    pass();
    expect(numbers.doubts()).toEqual([]);
  });

  // A server without rules about changes (Kubernetes 1.24) lets anybody with the right write another workload into it.
  it.each([
    ['replaced', true],
    ['edited', false],
  ])(
    '%s, costs those their number whom it stood for, and means the other only after a whole pass',
    async (_, isGone) => {
      const { numbers, start, acquire, watch, pass, objects, put, answered } = scene();
      await start();
      const id = identityId(await acquire(workload('web')));
      watch();
      pass();
      if (isGone) objects.delete(id);
      put(id, workload('thief'));
      watch();
      expect([...numbers.follow()]).toEqual([id]);
      expect(numbers.takeTurned()).toEqual([{ object: objects.get(id), was: workload('web'), how: 'edited' }]);
      expect(numbers.takeTurned(), 'told of once').toEqual([]);
      expect(() => numbers.acquire(workload('web'))).toThrow();
      numbers.release(id);
      expect(numbers.expire().map((each) => each.id)).toEqual([id]);
      expect(numbers.get(id)).toBeUndefined();
      put(id, workload('thief'));
      watch();
      numbers.follow();
      expect(numbers.get(id), 'whatever is heard of it meanwhile').toBeUndefined();
      numbers.settle();
      numbers.follow();
      expect(numbers.get(id)?.workload).toEqual(workload('thief'));
      await answered();
      numbers.follow();
      expect(numbers.acquire(workload('web')).id).not.toBe(id);
    },
  );
});

describe('what numbers meant to an earlier life', () => {
  it('holds until the API says otherwise', async () => {
    const before = scene();
    await before.start();
    const ids = [await before.acquire(workload('web')), await before.acquire(workload('gone'))];
    const after = scene();
    after.numbers.restore(before.numbers.snapshot());
    after.put(identityId(ids[0] ?? 0), workload('web'));
    expect(after.numbers.synced).toBe(false);
    after.watch();
    after.numbers.follow();
    expect(after.numbers.acquire(workload('web')).id).toBe(ids[0]);
    expect(after.numbers.expire().map(({ id }) => Number(id))).toEqual([ids[1]]);
    expect(after.numbers.settle()).toBe(true);
    expect([...after.numbers.changes]).toEqual([[ids[1], undefined]]);
  });
});
