import { beforeEach, expect, test } from 'vitest';
import { Intent, ObjectProblems } from '../../cluster/index.ts';
import { namespaceRow, podRow, policyRow } from '../../cluster/samples.ts';
import { sampleWorkload } from '../../identity/samples.ts';
import type { PodIdentity, PolicyObject, TenantRow } from '../../model/index.ts';
import { Membership } from '../../tenant/index.ts';
import { SYSTEM_SERVICES, tenantRow } from '../../tenant/testkit.ts';
import { IneffectiveRules } from './ineffective-rules.ts';

const TENANCY = { unassigned: 'Open', systemNamespaces: ['kube-system'], systemServices: SYSTEM_SERVICES } as const;
const shop = tenantRow('shop', { claims: { names: ['shop'], prefix: undefined } });
const billing = tenantRow('billing', { claims: { names: ['billing'], prefix: undefined } });

let intent: Intent;
let problems: ObjectProblems;
let elsewhere: { pod: never; identity: PodIdentity }[];
const floor = { membership: new Membership([], TENANCY) };
const enforcing = (...tenants: TenantRow[]): void => {
  floor.membership = new Membership(tenants, TENANCY);
};

beforeEach(() => {
  intent = new Intent();
  elsewhere = [];
  problems = new ObjectProblems();
  enforcing(shop, billing);
  intent.namespaces.apply({
    upserts: ['shop', 'billing'].map((name) => namespaceRow(name)),
    deletes: [],
    synced: true,
  });
  intent.pods.apply({ upserts: [podRow('web', { app: 'web' })], deletes: [], synced: true });
});

const looking = (): IneffectiveRules =>
  new IneffectiveRules({
    intent,
    elsewhere: { pods: () => elsewhere.values() } as never,
    repository: { settings: { enforcement: 'default', cidrSelects: ['pods'], allowLocalhost: 'always' } },
    floor,
    problems,
    cluster: 'default',
    now: () => 0,
  });

const put = (...policies: PolicyObject[]) => intent.policies.apply({ upserts: policies, deletes: [], synced: true });
const said = () =>
  problems.take().map(({ subject, problems: of }) => ({
    policy: `${subject.namespace}/${subject.name}`,
    texts: of.map(
      ({ message, isNormal }) =>
        `${isNormal === true ? 'Normal' : 'Warning'} ${message.split('.').slice(0, 3).join('.')}`,
    ),
  }));

const of = (namespace: string) => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
});
const billings = policyRow('to-billing', {
  podSelector: {},
  ingress: [{ from: [{ podSelector: {} }] }, { from: [of('billing'), of('office')] }, { from: [of('billing')] }],
});

test('counts rules, and says on the policy which, once', async () => {
  const rules = looking();
  put(billings, policyRow('all', { podSelector: {}, ingress: [{}] }));
  expect(await rules.look()).toEqual([{ tenant: 'shop', rules: 2 }]);
  const told = said();
  expect(told.map(({ policy }) => policy)).toEqual(['shop/to-billing', 'shop/all']);
  expect(told[0]?.texts).toHaveLength(3);
  expect(told[0]?.texts[0]).toMatch(
    /^Warning spec.ingress\[1\].from\[0\] has no effect: it selects no namespace of tenant shop/,
  );
  expect(told[1]?.texts[0]).toMatch(/^Normal spec.ingress\[0\] has no effect beyond tenant shop/);
  expect(await rules.look()).toEqual([{ tenant: 'shop', rules: 2 }]);
  expect(said()).toEqual([]);
});

test('says it again when the answer is another, and nothing when there is none', async () => {
  const rules = looking();
  put(billings);
  await rules.look();
  said();
  enforcing(billing);
  expect(await rules.look()).toEqual([]);
  expect(said()).toEqual([]);
  enforcing(shop, billing);
  await rules.look();
  expect(said()).toHaveLength(1);
  enforcing();
  expect(await rules.look()).toEqual([]);
});

test('counts for everybody, and speaks where a pod of the namespace is', async () => {
  put(billings);
  intent.pods.delete('shop/web' as never);
  const identity = { kind: 'pod', id: 1 as never, workload: sampleWorkload({ app: 'web' }) } as const;
  elsewhere = [{ pod: 'shop/web' as never, identity }];
  expect(await looking().look()).toEqual([{ tenant: 'shop', rules: 2 }]);
  expect(said()).toEqual([]);
});

test('says of a policy of a thousand peers a few', async () => {
  const from = Array.from({ length: 1_000 }, (_, i) => of(`other-${i}`));
  put(policyRow('many', { podSelector: {}, ingress: [{ from }] }));
  expect(await looking().look()).toEqual([{ tenant: 'shop', rules: 1 }]);
  const [told] = said();
  expect(told?.texts).toHaveLength(6);
  expect(told?.texts.at(-1)).toBe('Warning and 995 more peers or rules: membrane policy lint says which');
});
