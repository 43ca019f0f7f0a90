import { describe, expect, test } from 'vitest';
import { sampleWorkload } from '../../identity/samples.ts';
import { labelMap, labelSelector, type PolicyEntry } from '../../model/index.ts';
import { parseAddr } from '../../net/index.ts';
import { sampleEntry, selectBlock, selectPods, tcp } from '../samples.ts';
import { type PolicySettings, policySettingsSchema } from '../settings.ts';
import { explain } from './explain.ts';
import type { Question } from './oracle.ts';

const settings: PolicySettings = policySettingsSchema.parse({});
const backend = sampleWorkload({ app: 'backend', namedPorts: [{ name: 'http', protocol: 'TCP', port: 8080 }] });
const frontend = sampleWorkload({ app: 'frontend' });

const question = (parts: Partial<Question> = {}): Question => ({
  subject: backend,
  direction: 'ingress',
  peer: { kind: 'pod', workload: frontend, addr: parseAddr('10.244.1.5') },
  protocol: 6,
  port: 8080,
  ...parts,
});

const onlyFrontend: PolicyEntry = sampleEntry(
  {
    subject: selectPods({ app: 'backend' }, 'shop'),
    peers: [selectPods({ app: 'frontend' }, 'shop')],
    ports: [tcp(8080)],
  },
  'only-frontend',
);

const conditions = (entries: PolicyEntry[], asked: Question, chosen = settings) =>
  explain(entries, chosen, asked).nearestMiss?.failed.map(
    ({ condition, expected, found }) => `${condition}: ${expected} / ${found}`,
  );

describe('who decided', () => {
  test('a rule', () => {
    const { verdict, text, reason } = explain([onlyFrontend], settings, question());
    expect({ verdict, text }).toEqual({
      verdict: 'allow',
      text: 'allowed by NetworkPolicy shop/only-frontend, ingress rule 0',
    });
    expect(reason).toEqual({ kind: 'rule', origin: onlyFrontend.origin });
  });

  test('a deny of an earlier tier', () => {
    const deny = sampleEntry({
      tier: 'admin',
      verdict: 'deny',
      isolates: false,
      origin: { kind: 'AdminNetworkPolicy', name: 'no', direction: 'ingress', rule: 3 },
    });
    expect(explain([onlyFrontend, deny], settings, question()).text).toBe(
      'denied by AdminNetworkPolicy no, ingress rule 3',
    );
  });

  test.each([
    [
      'isolated',
      {},
      question({ port: 1 }),
      'denied by default: NetworkPolicy shop/only-frontend isolates the pod and no ingress rule allows it',
    ],
    ['not isolated', {}, question({ subject: frontend }), 'allowed by default: no policy isolates the pod for ingress'],
    [
      'always',
      { enforcement: 'always' },
      question({ subject: frontend }),
      'denied by default: enforcement is "always" and no ingress rule allows it',
    ],
    ['never', { enforcement: 'never' }, question({ port: 1 }), 'allowed: enforcement is "never"'],
    [
      'own node',
      {},
      question({ port: 1, peer: { kind: 'node', role: 'host' } }),
      'allowed by default: a node reaches its own pods (allowLocalhost)',
    ],
  ] as const)('a default: %s', (_, change, asked, text) => {
    expect(explain([onlyFrontend], policySettingsSchema.parse(change), asked).text).toBe(text);
  });
});

describe('the nearest miss', () => {
  test.each([
    ['port', question({ port: 9090 }), ['port: 8080 / 9090']],
    ['protocol', question({ protocol: 17 }), ['protocol: TCP / UDP']],
    [
      'pod',
      question({ peer: { kind: 'pod', workload: sampleWorkload({ app: 'other' }) } }),
      ['pod: app=frontend / app=other'],
    ],
    [
      'namespace',
      question({ peer: { kind: 'pod', workload: sampleWorkload({ app: 'frontend', namespace: 'office' }) } }),
      ['namespace: shop / office'],
    ],
    [
      'no pod at all',
      question({ peer: { kind: 'world', addr: parseAddr('203.0.113.1') } }),
      ['peer: a pod of namespace shop / world 203.0.113.1', 'pod: app=frontend / no labels'],
    ],
  ] as const)('%s', (_, asked, expected) => expect(conditions([onlyFrontend], asked)).toEqual(expected));

  test('is the rule with the fewest failed conditions', () => {
    const far = sampleEntry(
      {
        subject: selectPods({ app: 'backend' }),
        peers: [selectPods({ app: 'x' }, 'office')],
        ports: [{ protocol: 17, from: 1, to: 2 }],
      },
      'far',
    );
    const { nearestMiss } = explain([far, onlyFrontend], settings, question({ port: 9090 }));
    expect(nearestMiss?.origin.name).toBe('only-frontend');
  });

  test('a port name says what it stands for at the destination', () => {
    const named = (name: string) => [{ ...onlyFrontend, ports: [{ protocol: 6, name }] }];
    expect(conditions(named('http'), question({ port: 80 }))).toEqual(['port: "http" (8080) / 80']);
    expect(conditions(named('web'), question())).toEqual(['port: "web", which the destination does not name / 8080']);
  });

  test('a block, its excepts, and the switch that keeps it from pods', () => {
    const block = [{ ...onlyFrontend, peers: [selectBlock('203.0.113.0/24', '203.0.113.128/25')] }];
    const world = (addr: string) => question({ peer: { kind: 'world', addr: parseAddr(addr) } });
    expect(conditions(block, world('203.0.113.200'))).toEqual([
      'address: 203.0.113.0/24 and not 203.0.113.128/25 / world 203.0.113.200',
    ]);
    const none = policySettingsSchema.parse({ cidrSelects: [] });
    expect(conditions([{ ...onlyFrontend, peers: [selectBlock('10.0.0.0/8')] }], question(), none)).toEqual([
      'peer: an address outside the cluster / pod of namespace shop 10.244.1.5',
      'address: 10.0.0.0/8 / pod of namespace shop 10.244.1.5',
    ]);
    expect(explain([{ ...onlyFrontend, peers: [selectBlock('10.0.0.0/8')] }], settings, question()).verdict).toBe(
      'allow',
    );
  });

  test('namespace labels', () => {
    const team: PolicyEntry = {
      ...onlyFrontend,
      peers: [
        { kind: 'pods', namespace: { selector: labelSelector({ matchLabels: { team: 'a' } }) }, pods: labelSelector() },
      ],
    };
    const workload = sampleWorkload({ namespaceLabels: labelMap({ team: 'b' }) });
    expect(conditions([team], question({ peer: { kind: 'pod', workload } }))).toEqual(['namespace: team=a / team=b']);
  });

  test('there is none without a rule', () => {
    expect(explain([{ ...onlyFrontend, peers: [] }], settings, question()).nearestMiss).toBeUndefined();
    expect(explain([onlyFrontend], settings, question()).nearestMiss).toBeUndefined();
  });
});

describe('what an entry could not say', () => {
  test('a port by name to the addresses of a block, though the block selects the pod', () => {
    const block = sampleEntry({
      direction: 'egress',
      subject: selectPods(),
      peers: [selectBlock('10.244.0.0/16')],
      ports: [{ protocol: 6, name: 'http' }],
    });
    const asked: Question = {
      subject: frontend,
      direction: 'egress',
      peer: { kind: 'pod', workload: backend, addr: parseAddr('10.244.1.5') },
      protocol: 6,
      port: 8080,
    };
    expect(explain([block], settings, asked).verdict).toBe('deny');
    expect(conditions([block], asked)).toEqual([
      'port: a number, since addresses of an ipBlock have no port "http" / 8080',
    ]);
    expect(explain([{ ...block, peers: [selectPods()] }], settings, asked).verdict).toBe('allow');
  });

  test.each([
    ['unreadable', 'cannot be read'],
    ['no-room', 'has no room for its peers'],
  ] as const)('a rule that is closed: %s', (closed, why) => {
    const entry = sampleEntry({ peers: [], closed });
    expect(explain([entry, { ...entry }], settings, question()).text).toMatch(
      `; NetworkPolicy shop/p, ingress rule 0 ${why} and admits nobody, and 1 more of its kind`,
    );
  });
});
