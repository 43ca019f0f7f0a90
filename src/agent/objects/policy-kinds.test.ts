import { afterEach, describe, expect, it } from 'vitest';
import { finish, Lifecycle, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { Intent, ObjectProblems } from '../../cluster/index.ts';
import { sampleWorkload } from '../../identity/samples.ts';
import { FakeApiServer } from '../../kube/fake.ts';
import { KubeClient } from '../../kube/index.ts';
import { type IdentityObject, type PolicyObject, policyKey } from '../../model/index.ts';
import { policyEventSubject } from '../../plane/policies/policy-events.ts';
import { PolicyFollower } from '../../plane/policies/policy-follower.ts';
import { explain, networkPolicy, PolicyRepository, readPolicy } from '../../policy/index.ts';
import { quarantine } from '../../policy/kinds/samples.ts';
import { Table } from '../../table/index.ts';
import { policyView } from '../admin/policies.ts';
import { Reflection } from './reflection.ts';

/** Everybody may reach every pod; nobody may. */
const OPEN = { podSelector: {}, ingress: [{}] };
const kinds = [networkPolicy, quarantine()];

const object = (kind: string, spec: unknown): PolicyObject => ({
  kind,
  uid: `uid-${kind}`,
  namespace: 'shop',
  name: 'p',
  spec,
  unknownFields: [],
});
const network = object('NetworkPolicy', OPEN);
const other = object('Quarantine', {});
const batch = (upserts: PolicyObject[], deletes: PolicyObject[] = []) => ({
  upserts,
  deletes,
  synced: true,
});

function follower(room = 10) {
  const intent = new Intent(kinds);
  const repository = new PolicyRepository();
  const problems = new ObjectProblems();
  const policies = new PolicyFollower({
    intent: intent.policies,
    repository,
    kinds,
    limits: { total: room, ofNamespace: room, addresses: 1 },
    selectors: room,
    problems,
    clock: new FakeClock(),
    log: silentLogger,
  });
  const apply = (...change: Parameters<typeof batch>): void => {
    intent.policies.apply(batch(...change));
    finish(policies.follow());
  };
  const view = (policy: PolicyObject) =>
    policyView(policy, {
      repository,
      kinds,
      problems: policies.problems,
      refused: new Map([[policyKey(other), 'no room']]),
      selected: new Map([[policyKey(network), 2]]),
      takenUpAt: (key) => policies.takenUpAt(key),
      meanwhile: new Map(),
      inForceSince: new Map(),
      converged: true,
    });
  return { intent, repository, policies, problems, apply, view };
}

describe('policies of two kinds with one namespace and name', () => {
  it('are two in the intent and the repository, and go one by one', () => {
    const { intent, repository, apply } = follower();
    apply([network, other]);
    expect([...intent.policies.rows.keys()]).toEqual(['NetworkPolicy shop/p', 'Quarantine shop/p']);
    expect(repository.policyCount).toBe(2);
    apply([], [network]);
    expect([...intent.policies.rows.keys()]).toEqual(['Quarantine shop/p']);
    expect(repository.policyCount).toBe(1);
  });

  it('have problems of their own', () => {
    const { policies, problems, apply } = follower();
    apply([network, { ...other, spec: 'unreadable' }]);
    expect([...policies.problems.keys()]).toEqual(['Quarantine shop/p']);
    apply([{ ...network, spec: { later: 1 } }]);
    apply([other]);
    expect([...policies.problems.keys()]).toEqual(['NetworkPolicy shop/p']);
    expect(problems.take().map(({ subject }) => `${subject.apiVersion} ${subject.kind}`)).toEqual([
      'test.example/v2 Quarantine',
      'networking.k8s.io/v1 NetworkPolicy',
    ]);
  });

  it('take room for their own prefixes', () => {
    const { policies, apply } = follower(1);
    const block = { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }] };
    apply([{ ...network, spec: block }, other]);
    apply([], [other]);
    apply([{ ...network, name: 'second', spec: block }]);
    expect([...policies.problems.keys()]).toEqual(['NetworkPolicy shop/second']);
  });

  it('are shown, reported and named as the reason each by itself', () => {
    const { view, repository } = follower();
    expect(view(network)).toMatchObject({ kind: 'NetworkPolicy', state: 'applied', endpoints: 2 });
    expect(view(other)).toMatchObject({
      kind: 'Quarantine',
      state: 'refused',
      endpoints: 0,
      rules: [{ verdict: 'deny' }],
    });
    expect(policyEventSubject(other, kinds)).toMatchObject({ apiVersion: 'test.example/v2', kind: 'Quarantine' });
    const entries = [network, other].flatMap((policy) => readPolicy(policy, kinds).entries);
    const question = {
      subject: sampleWorkload({ namespace: 'shop' }),
      direction: 'ingress',
      peer: { kind: 'world' },
      protocol: 6,
      port: 80,
    } as const;
    expect(explain(entries, repository.settings, question).text).toBe('denied by Quarantine shop/p, ingress rule 0');
  });
});

describe('the intent', () => {
  it('is not complete before every kind has been listed', () => {
    const { policies } = new Intent(kinds);
    policies.apply(batch([network]), 'NetworkPolicy');
    expect(policies.synced).toBe(false);
    policies.apply(batch([]), 'Quarantine');
    expect(policies.synced).toBe(true);
  });
});

describe('the reflection', () => {
  const server = new FakeApiServer();
  const lifecycle = new Lifecycle({ log: silentLogger });
  afterEach(async () => {
    await lifecycle.stop();
    await server.stop();
  });

  it('follows every kind of the list, where the kind says that its objects are', async () => {
    const client = new KubeClient(await server.start());
    const intent = new Intent(kinds);
    const { promise, resolve } = Promise.withResolvers<void>();
    intent.policies.changed.listen(() => {
      if (intent.policies.synced) resolve();
    });
    const identities = new Table<IdentityObject>(({ name }) => name);
    const options = {
      client,
      intent,
      identities,
      announced: Promise.resolve(),
      nodeName: 'node-1',
      kinds,
      services: false,
      watchSeconds: 60,
      log: silentLogger,
    };
    const metadata = { namespace: 'shop', name: 'p' };
    server.put('/apis/networking.k8s.io/v1/networkpolicies', { metadata });
    server.put('/apis/test.example/v2/quarantines', { metadata });
    await lifecycle.start(new Reflection(options));
    await promise;
    expect([...intent.policies.rows.keys()].toSorted()).toEqual(['NetworkPolicy shop/p', 'Quarantine shop/p']);
  });
});
