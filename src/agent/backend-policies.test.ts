import { describe, expect, it } from 'vitest';
import { PolicyRepository, parseNetworkPolicy, translateNetworkPolicy } from '../policy/index.ts';
import { policyView, ruleText } from './backend-policies.ts';
import { policyRow } from './fake-node.ts';
import { policyObject } from './policy-follower.ts';

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
    const entries = translateNetworkPolicy(parseNetworkPolicy(policyObject(row)), 'shop');
    expect(entries.map(ruleText)).toEqual([
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
    problems: new Map<string, string>(),
    refused: new Map<string, string>(),
    selected: new Map([['shop/p', 2]]),
    converged: true,
  };

  it('is applied, pending, or refused with the reason', () => {
    expect(policyView(row, context)).toMatchObject({
      state: 'applied',
      endpoints: 2,
      directions: ['ingress', 'egress'],
    });
    expect(policyView(row, { ...context, converged: false })).toMatchObject({ state: 'pending' });
    const refused = policyView(policyRow('p', { podSelector: 1 }), {
      ...context,
      problems: new Map([['shop/p', 'why']]),
    });
    expect(refused).toMatchObject({ state: 'refused', detail: 'why', rules: [] });
  });
});
