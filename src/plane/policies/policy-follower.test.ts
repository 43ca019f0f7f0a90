import { describe, expect, it } from 'vitest';
import { finish, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { ObjectProblems } from '../../cluster/index.ts';
import { CidrIdentities } from '../../identity/index.ts';
import { type PolicyKey, type PolicyObject, policyKey } from '../../model/index.ts';
import { PolicyRepository } from '../../policy/index.ts';
import { Table } from '../../table/index.ts';
import { PolicyFollower } from './policy-follower.ts';

const blocks = (...cidrs: string[]) => ({
  podSelector: {},
  ingress: [{ from: cidrs.map((cidr) => ({ ipBlock: { cidr } })) }, { ports: [{ port: 80 }] }],
});
const many = (count: number, net = 1): string[] => Array.from({ length: count }, (_, n) => `10.${net}.${n}.0/24`);

const selecting = (...apps: string[]) => ({
  podSelector: {},
  ingress: [
    { from: apps.map((app) => ({ podSelector: { matchLabels: { app } } })) },
    { from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] },
  ],
});

function follower(total = 6, ofNamespace = 4) {
  const intent = new Table<PolicyObject, PolicyKey>(policyKey);
  const cidrs = new CidrIdentities();
  const repository = new PolicyRepository({ cidrs });
  const problems = new ObjectProblems();
  const policies = new PolicyFollower({
    intent,
    repository,
    limits: { total, ofNamespace, addresses: 1 },
    selectors: 6,
    problems,
    clock: new FakeClock(),
    log: silentLogger,
  });
  const row = (key: string, spec: unknown, uid = key): PolicyObject => {
    const [namespace = '', name = ''] = key.split('/');
    return { kind: 'NetworkPolicy', uid, namespace, name, spec, unknownFields: [] };
  };
  const change = (upserts: PolicyObject[], deletes: PolicyObject[] = []): number => {
    intent.apply({ upserts, deletes, synced: true });
    return finish(policies.follow()).changed;
  };
  const kinds = () =>
    Object.fromEntries(Array.from(policies.problems, ([key, problems]) => [key, problems.map(({ kind }) => kind)]));
  return {
    repository,
    cidrs,
    policies,
    intent,
    row,
    /** What was told since the last call. */
    told: () =>
      problems.take().map(({ subject, problems: all }) => [`${subject.namespace}/${subject.name}`, ...all] as const),
    kinds,
    put: (key: string, spec: unknown, uid?: string) => change([row(key, spec, uid)]),
    drop: (key: string) => change([], [row(key, {})]),
  };
}

describe('PolicyFollower', () => {
  it('gives every policy that is well its place, and says nothing', () => {
    const { put, repository, kinds, told } = follower();
    put('a/p', blocks('10.0.0.0/8'));
    expect(repository.policyCount).toBe(1);
    expect([kinds(), told()]).toEqual([{}, []]);
  });

  it('says once what cannot be read, and again for another object of the name', () => {
    const { put, drop, kinds, told } = follower();
    const broken = { podSelector: {}, later: 1 };
    put('a/p', broken);
    put('a/p', broken);
    expect(kinds()).toEqual({ 'NetworkPolicy a/p': ['unreadable'] });
    expect(told()).toHaveLength(1);
    put('a/p', broken, 'another');
    expect(told()).toHaveLength(1);
    put('a/p', { podSelector: {} }, 'another');
    expect([kinds(), told()]).toEqual([{}, []]);
    put('a/p', broken);
    drop('a/p');
    expect(kinds()).toEqual({});
  });

  it('lets no namespace have more than its share, and closes the rules that name too much', () => {
    const { put, cidrs, repository, kinds } = follower();
    put('a/p', blocks(...many(3)));
    put('a/q', blocks(...many(2, 2)));
    expect(kinds()).toEqual({ 'NetworkPolicy a/q': ['no-room'] });
    expect(cidrs.size).toBe(3);
    expect(repository.policyCount).toBe(2);
    put('b/p', blocks(...many(3, 3)));
    expect(kinds()).toEqual({ 'NetworkPolicy a/q': ['no-room'] });
  });

  it('closes a policy that grows beyond the room, whatever it was before, and opens it again when there is room', () => {
    const { put, drop, cidrs, kinds } = follower();
    put('a/p', blocks(...many(3)));
    put('b/p', blocks(...many(3, 2)));
    put('b/p', blocks(...many(4, 2)));
    expect(kinds()).toEqual({ 'NetworkPolicy b/p': ['no-room'] });
    expect(cidrs.size).toBe(3);
    expect(drop('a/p')).toBe(2);
    expect(kinds()).toEqual({});
    expect(cidrs.size).toBe(4);
  });

  it('counts a prefix that many name once for the node', () => {
    const { put, kinds } = follower(4, 4);
    for (const namespace of ['a', 'b', 'c']) put(`${namespace}/p`, blocks(...many(4)));
    expect(kinds()).toEqual({});
  });

  it('lets no namespace have more selectors than its share; beyond it rules that select pods admit nobody', () => {
    const { put, drop, kinds, told } = follower();
    put('a/p', selecting('x', 'y'));
    put('b/p', selecting('x', 'y', 'z'));
    expect(kinds()).toEqual({});
    put('a/q', selecting('v', 'w'));
    expect(kinds()).toEqual({ 'NetworkPolicy a/q': ['no-room'] });
    expect(told().at(-1)?.[1]?.message).toMatch(/4 selectors and values: the namespace may have 6, 2 are left/);
    expect(drop('a/p')).toBe(2);
    expect(kinds()).toEqual({});
  });

  it('counts the values of a selector, and one that a policy names twice once', () => {
    const { put, kinds } = follower();
    const expression = { key: 'app', operator: 'In', values: ['a', 'b', 'c', 'd', 'e', 'f'] };
    put('a/p', { podSelector: {}, ingress: [{ from: [{ podSelector: { matchExpressions: [expression] } }] }] });
    put('b/p', selecting('x', 'x', 'x', 'x'));
    expect(kinds()).toEqual({ 'NetworkPolicy a/p': ['no-room'] });
  });

  it('tries a policy again that lacks prefixes and selectors as soon as there is room for either', () => {
    const { put, drop, kinds } = follower();
    put('a/blocks', blocks(...many(4)));
    put('a/pods', { podSelector: {}, ingress: selecting('x', 'y', 'z').ingress.slice(0, 1) });
    put('a/both', selecting('v'));
    expect(kinds()).toEqual({ 'NetworkPolicy a/both': ['no-room', 'no-room'] });
    drop('a/pods');
    expect(kinds()).toEqual({ 'NetworkPolicy a/both': ['no-room'] });
    drop('a/blocks');
    expect(kinds()).toEqual({});
  });

  it('keeps what is staged where nothing decides: it isolates nobody, needs no room, and says so once', () => {
    const { intent, policies, row, drop, cidrs, repository, kinds, told } = follower();
    const write = (key: string, spec: unknown, stage?: string): void => {
      intent.apply({ upserts: [{ ...row(key, spec), ...(stage && { stage }) }], deletes: [], synced: true });
      finish(policies.follow());
    };
    const staged = () => [...policies.staged.policies.keys()];
    write('a/p', blocks(...many(4)), 'true');
    write('a/q', blocks(...many(4, 2)), 'true');
    expect([repository.policyCount, cidrs.size, repository.selectedLabels.rows.size, kinds()]).toEqual([0, 0, 0, {}]);
    expect(staged()).toEqual(['NetworkPolicy a/p', 'NetworkPolicy a/q']);
    expect(told().map(([name, { reason, isNormal } = { reason: '' }]) => [name, reason, isNormal])).toEqual([
      ['a/p', 'PolicyStaged', true],
      ['a/q', 'PolicyStaged', true],
    ]);
    write('a/p', blocks(...many(4)), 'true');
    expect(told()).toEqual([]);
    write('a/p', blocks(...many(4)));
    expect([repository.policyCount, cidrs.size, staged()]).toEqual([1, 4, ['NetworkPolicy a/q']]);
    write('a/p', { podSelector: {}, later: 1 }, 'true');
    expect([repository.policyCount, cidrs.size, kinds()]).toEqual([0, 0, {}]);
    expect(told()).toMatchObject([['a/p', { reason: 'PolicyStaged', message: /once enforced: spec.later/ }]]);
    write('a/q', blocks(...many(1)), 'yes');
    expect([repository.policyCount, staged(), kinds()]).toEqual([
      1,
      ['NetworkPolicy a/p'],
      { 'NetworkPolicy a/q': ['unreadable'] },
    ]);
    expect(told()).toMatchObject([['a/q', { reason: 'PolicyUnreadable', message: /membrane.io.stage.*"yes"/ }]]);
    drop('a/p');
    expect(staged()).toEqual([]);
  });

  it('enforces nothing that says what the floor does, and enforces it when it does so no more', () => {
    const { intent, policies, row, cidrs, repository, told } = follower();
    const write = (change: object): void => {
      intent.apply({ upserts: [{ ...row('a/p', blocks(...many(4))), ...change }], deletes: [], synced: true });
      finish(policies.follow());
    };
    write({});
    write({ mirror: 'floor' });
    expect([repository.policyCount, cidrs.size, policies.staged.policies.size, told()]).toEqual([0, 0, 0, []]);
    write({});
    expect([repository.policyCount, cidrs.size]).toEqual([1, 4]);
  });

  it('takes up what comes while others have their turn, and comes to its end however much comes', () => {
    const it = follower();
    const put = (name: string) => it.intent.apply({ upserts: [it.row(`a/${name}`, {})], deletes: [], synced: true });
    put('p0');
    const steps = it.policies.follow();
    let turns = 0;
    for (; steps.next().done !== true; put(`p${turns}`)) turns += 1;
    expect(it.repository.policyCount, 'nothing is left').toBe(1 + turns);
    expect(turns).toBeGreaterThan(1);
    expect(turns).toBeLessThan(10);
  });
});
