import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { FakeApiServer } from '../kube/fake.ts';
import { KubeClient, LeaseObject, type LeaseRecord } from '../kube/index.ts';
import { TestServer } from '../sandbox/apiserver/testkit.ts';
import { LeaderElection, type Term } from './leader-election.ts';
import { connectionTo } from './testkit.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';

describe('of several that want to lead', () => {
  let api: TestServer;
  let end: AbortController;
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const runs: Promise<void>[] = [];
  const terms = new Map<string, Term[]>();

  beforeEach(async () => {
    api = await TestServer.start();
    end = new AbortController();
    terms.clear();
  });
  afterEach(async () => {
    end.abort();
    await clock.advance(1_000_000);
    await Promise.all(runs.splice(0));
    await api[Symbol.asyncDispose]();
  });

  let asked = 0;
  const counted = async <T>(answer: Promise<T>): Promise<T> => {
    asked += 1;
    return await answer.finally(() => {
      asked -= 1;
    });
  };
  /** Time goes on when all requests are answered. */
  const passed = async (ms: number): Promise<void> => {
    for (let done = 0; done < ms; done += 500) {
      await clock.advance(500);
      do await new Promise((resolve) => setImmediate(resolve));
      while (asked > 0);
    }
  };
  const candidate = (identity: string, signal: AbortSignal = end.signal): LeaderElection => {
    const client = new KubeClient(connectionTo(api.url));
    const object = new LeaseObject(client, { namespace: 'default', name: 'membrane-operator' });
    const lease = {
      get: async () => counted(object.get()),
      put: async (record: LeaseRecord) => counted(object.put(record)),
    };
    const election = new LeaderElection({ lease, identity, seconds: 15, clock, log: silentLogger });
    const lead = async (term: Term): Promise<void> => {
      terms.set(identity, [...(terms.get(identity) ?? []), term]);
      const { promise, resolve } = Promise.withResolvers<void>();
      term.signal.addEventListener('abort', () => resolve());
      await promise;
    };
    runs.push(election.run(lead, signal));
    return election;
  };
  const spec = async () => (await api.get(`${LEASES}/membrane-operator`)).body['spec'];

  it('one does, and the next when it ends, at once', async () => {
    const first = new AbortController();
    const a = candidate('a', first.signal);
    await passed(1_000);
    const b = candidate('b');
    await passed(30_000);
    expect([a.isLeading, b.isLeading, b.leader, terms.has('b')]).toEqual([true, false, 'a', false]);
    expect(await spec()).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
    first.abort();
    await passed(5_000);
    expect([a.isLeading, b.isLeading]).toEqual([false, true]);
    expect(await spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    expect(terms.get('a')?.map(({ signal }) => signal.aborted)).toEqual([true]);
  });

  it('one that says nothing more is waited for as long as its lease holds', async () => {
    const dead = { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: '2020-01-01T00:00:00.000000Z' };
    await api.post(LEASES, { metadata: { name: 'membrane-operator' }, spec: dead });
    const a = candidate('a');
    await passed(14_000);
    // However old the time in it is: clocks differ.
    expect(a.isLeading).toBe(false);
    await passed(8_000);
    expect(a.isLeading).toBe(true);
  });

  it('one whose lease somebody else has does nothing more, and may not even begin a request', async () => {
    const a = candidate('a');
    await passed(1_000);
    const [term] = terms.get('a') ?? [];
    expect(() => term?.check()).not.toThrow();
    const other = { holderIdentity: 'thief', leaseDurationSeconds: 15 };
    await api.patch(`${LEASES}/membrane-operator`, 'merge', { spec: other });
    await passed(4_000);
    expect([a.isLeading, term?.signal.aborted]).toEqual([false, true]);
    expect(() => term?.check()).toThrow(expect.objectContaining({ code: 'E_OPERATOR_NOT_LEADING' }));
  });

  it('one whose clock is set leads no longer, and takes nothing from who leads', async () => {
    const a = candidate('a');
    await passed(1_000);
    candidate('b');
    await passed(4_000);
    const [term] = terms.get('a') ?? [];
    clock.set(3_600_000);
    await passed(3_000);
    expect([a.isLeading, terms.has('b')]).toEqual([true, false]);
    clock.set(-7_200_000);
    const waited = clock.advance(11_000);
    expect(() => term?.check()).toThrow(expect.objectContaining({ code: 'E_OPERATOR_NOT_LEADING' }));
    await waited;
  });

  it('one that stood still leads no more, before it could hear of anything', async () => {
    candidate('a');
    await passed(1_000);
    const [term] = terms.get('a') ?? [];
    const waited = clock.advance(11_000);
    expect(() => term?.check()).toThrow(expect.objectContaining({ code: 'E_OPERATOR_NOT_LEADING' }));
    await waited;
  });
});

describe('an API server that refuses the lease', () => {
  it.each([401, 403, 409, 429, 500])('with %i: nobody leads, and it goes on trying', async (code) => {
    const server = new FakeApiServer();
    const clock = new FakeClock();
    const end = new AbortController();
    const lease = new LeaseObject(new KubeClient(await server.start()), { namespace: 'default', name: 'lease' });
    const election = new LeaderElection({ lease, identity: 'a', seconds: 15, clock, log: silentLogger });
    server.faults.status = { code, times: 1_000 };
    const run = election.run(async () => expect.fail('leads'), end.signal);
    // Each pause of the fake clock is over long before an answer of the real server is there.
    while (server.requests.length < 6) {
      await clock.advance(3_000);
      expect(election.isLeading).toBe(false);
    }
    end.abort();
    await clock.advance(10_000);
    await run;
    await server.stop();
  });
});
