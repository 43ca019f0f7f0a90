import { describe, expect, it } from 'vitest';
import type { PolicyView } from '../../api/index.ts';
import { policyRow } from '../../cluster/samples.ts';
import { type PolicyKey, policyKey } from '../../model/index.ts';
import type { PolicyProblem } from '../../plane/policies/policy-follower.ts';
import { PolicyRepository, readPolicy } from '../../policy/index.ts';
import { policyView, ruleText } from './policies.ts';

const peers = {
  ingress: [
    {
      from: [
        { podSelector: { matchLabels: { app: 'web' } } },
        { namespaceSelector: { matchLabels: { team: 'a' } } },
        { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
      ],
      ports: [{ port: 80 }, { port: 90, endPort: 95, protocol: 'UDP' }, { port: 'http' }, {}],
    },
    {},
  ],
  egress: [],
  policyTypes: ['Ingress', 'Egress'],
};
const row = policyRow('p', { podSelector: {}, ...peers });

describe('ruleText', () => {
  it('says who and on which port', () => {
    expect(readPolicy(row).entries.map(ruleText)).toEqual([
      expect.stringMatching(
        /^rule 0, from pods with app=web of namespace shop or pods with .* of namespaces with team=a or 10\.0\.0\.0\/8 except 10\.1\.0\.0\/16 on TCP 80, UDP 90-95, TCP "http", any TCP port$/,
      ),
      'rule 1, from anybody',
      'to nobody',
    ]);
  });
});

describe('policyView', () => {
  const context = {
    repository: new PolicyRepository(),
    problems: new Map<PolicyKey, readonly PolicyProblem[]>(),
    refused: new Map<PolicyKey, string>(),
    selected: new Map([[policyKey(row), 2]]),
    takenUpAt: () => 1_000,
    meanwhile: new Map<PolicyKey, PolicyView['meanwhile']>(),
    inForceSince: new Map([[policyKey(row), 2_000]]),
    converged: true,
  };

  it('is applied, pending, or refused with the reason', () => {
    expect(policyView(row, context)).toMatchObject({
      state: 'applied',
      endpoints: 2,
      since: '1970-01-01T00:00:02.000Z',
      meanwhile: [],
      directions: ['ingress', 'egress'],
    });
    expect(policyView(row, { ...context, converged: false })).toMatchObject({ state: 'pending' });
    const waits = {
      direction: 'ingress',
      inForce: 'closed',
      why: 'closed: it is being written',
      since: '',
      pods: ['a/b'],
    } as const;
    const meanwhile = new Map([[policyKey(row), [{ ...waits, pods: [...waits.pods] }]]]);
    expect(policyView(row, { ...context, meanwhile })).toMatchObject({
      state: 'pending',
      detail: 'ingress closed: it is being written',
      meanwhile: [waits],
    });
    const problems = new Map([[policyKey(row), [{ kind: 'unreadable', text: 'why' } as const]]]);
    expect(policyView(policyRow('p', { ingress: [1] }), { ...context, problems })).toMatchObject({
      state: 'unreadable',
      detail: 'why',
      rules: [{ direction: 'ingress', text: 'rule 0, from nobody: it cannot be read' }],
    });
    const refused = new Map([[policyKey(row), 'no room']]);
    expect(policyView(row, { ...context, problems, refused })).toMatchObject({
      state: 'refused',
      detail: 'why; no room',
    });
    expect(policyView({ ...row, mirror: 'floor' }, context)).toMatchObject({ state: 'mirror', rules: [] });
    expect(policyView({ ...policyRow('p', { ingress: [{}, 1] }), stage: 'true' }, context)).toMatchObject({
      state: 'staged',
      detail: expect.stringMatching(/^once enforced: spec\.ingress\[1\]/),
      directions: ['ingress'],
      endpoints: 2,
      rules: [{ id: 0, text: 'rule 0, from anybody' }, { text: /cannot be read/ }],
    });
  });
});
