import { describe, expect, test } from 'vitest';
import type { PolicyEntry } from '../../../model/index.ts';
import type { Reading } from '../kind.ts';
import { translate } from './translate.ts';

const POLICY = { kind: 'NetworkPolicy', uid: 'u-1', namespace: 'shop', name: 'p', unknownFields: [] };
const read = (spec: unknown): Reading => translate({ ...POLICY, spec });
const from = (...peers: unknown[]) => ({ podSelector: {}, ingress: [{ from: peers }] });

const summary = ({ entries }: Reading): string[] =>
  entries.map(
    ({ direction, peers, ports: list, origin, closed }) =>
      `${direction} ${peers === 'any' ? 'any' : peers.length} ${list === 'any' ? 'any' : list.length} ${origin.rule ?? '-'}${closed === undefined ? '' : ' closed'}`,
  );
const subject = ({ entries }: Reading) => entries.map((entry) => entry.subject.pods.key);

describe('what servers from 1.24 on accept', () => {
  test.each<[string, unknown, string[]]>([
    ['nothing', {}, ['ingress 0 any -']],
    ['no spec', undefined, ['ingress 0 any -']],
    ['nulls', { podSelector: null, ingress: null, egress: null, policyTypes: null }, ['ingress 0 any -']],
    ['types without rules', { policyTypes: ['Egress', 'Ingress'] }, ['ingress 0 any -', 'egress 0 any -']],
    ['a type twice', { policyTypes: ['Egress', 'Egress', 'Egress'] }, ['egress 0 any -']],
    ['egress rules without types', { egress: [{}] }, ['ingress 0 any -', 'egress any any 0']],
    ['an empty egress list', { egress: [] }, ['ingress 0 any -']],
    ['a section that no type names', { policyTypes: ['Egress'], ingress: [{}], egress: [{}] }, ['egress any any 0']],
    ['no types', { policyTypes: [], ingress: [{}] }, ['ingress any any 0']],
    ['empty lists of a rule', { ingress: [{ from: [], ports: [] }] }, ['ingress any any 0']],
    ['nulls in a rule', { ingress: [{ from: null, ports: null }] }, ['ingress any any 0']],
    ['rules are counted', { ingress: [{}, { ports: [{}] }] }, ['ingress any any 0', 'ingress any 1 1']],
    ['duplicates', { ingress: [{ ports: [{}, {}] }, { ports: [{}, {}] }] }, ['ingress any 2 0', 'ingress any 2 1']],
  ])('%s', (_, spec, expected) => {
    const reading = read(spec);
    expect(summary(reading)).toEqual(expected);
    expect(reading.problems).toEqual([]);
  });

  test('the whole of an entry', () => {
    const spec = {
      podSelector: { matchLabels: { app: 'web' } },
      ingress: [
        {
          from: [
            { podSelector: {} },
            { namespaceSelector: {}, podSelector: { matchLabels: { a: 'b' } } },
            { ipBlock: { cidr: '10.1.2.3/8', except: ['10.9.0.0/16'] } },
          ],
          ports: [{}, { protocol: 'UDP', port: 53 }, { port: 'web' }, { port: 80, endPort: 90 }],
        },
      ],
    };
    const { entries } = translate({ ...POLICY, spec });
    expect(entries).toMatchObject([
      {
        subject: { kind: 'pods', namespace: { name: 'shop' } },
        tier: 'network',
        order: 0,
        verdict: 'allow',
        isolates: true,
        peers: [
          { kind: 'pods', namespace: { name: 'shop' }, pods: { key: '' } },
          {
            kind: 'pods',
            namespace: { selector: { key: '' } },
            pods: { requirements: [{ key: 'a', operator: 'In', values: ['b'] }] },
          },
          { kind: 'prefix' },
        ],
        ports: [
          { protocol: 6, from: 0, to: 65535 },
          { protocol: 17, from: 53, to: 53 },
          { protocol: 6, name: 'web' },
          { protocol: 6, from: 80, to: 90 },
        ],
        origin: { kind: 'NetworkPolicy', namespace: 'shop', name: 'p', uid: 'u-1', direction: 'ingress', rule: 0 },
      },
    ]);
  });

  test.each([
    ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
    ['::192.0.2.0/120', '::c000:200/120'],
    ['010.0.0.0/08', '10.0.0.0/8'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['::/0', '::/0'],
  ])('the block %s is %s', (cidr, meaning) => {
    const { entries, problems } = read(from({ ipBlock: { cidr, except: [cidr] } }));
    expect(problems).toEqual([]);
    const [peer] = entries[0]?.peers === 'any' ? [] : (entries[0]?.peers ?? []);
    expect(peer?.kind === 'prefix' ? [peer.prefix, ...peer.except].map(String) : peer).toEqual([meaning, meaning]);
  });

  test.each([
    ['of any length', 'x'.repeat(300)],
    ['of any letters', 'ä /\u0007'],
    ['of nothing', ''],
  ])('label values %s are what they are', (_, value) => {
    const { entries, problems } = read({
      podSelector: {
        matchLabels: { 'example.com/a': value, constructor: 'y' },
        matchExpressions: [{ key: 'b', operator: 'NotIn', values: [value] }],
      },
    });
    expect(problems).toEqual([]);
    expect(entries[0]?.subject.pods.requirements).toEqual(
      expect.arrayContaining([
        { key: 'example.com/a', operator: 'In', values: [value] },
        { key: 'b', operator: 'NotIn', values: [value] },
        { key: 'constructor', operator: 'In', values: ['y'] },
      ]),
    );
  });
});

describe('what cannot be read', () => {
  const fine = { ports: [{ port: 80 }] };
  const broken: [string, unknown, string][] = [
    ['a field of the rule', { ports: [{ port: 80 }], later: true }, 'later'],
    ['no object', 'x', ''],
    ['nothing', null, ''],
    ['a list for the rule', [], ''],
    ['peers that are no list', { from: {} }, 'from'],
    ['an empty peer', { from: [{}] }, 'from[0]'],
    ['a peer that is nothing', { from: [null] }, 'from[0]'],
    ['a field of the peer', { from: [{ podSelector: {}, later: {} }] }, 'from[0].later'],
    ['a field of one of several peers', { from: [{ podSelector: {} }, { later: {} }] }, 'from[1].later'],
    ['a block beside a selector', { from: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }, 'from[0]'],
    ['a block without a prefix', { from: [{ ipBlock: {} }] }, 'from[0].ipBlock.cidr'],
    ['a prefix that is none', { from: [{ ipBlock: { cidr: '10.0.0.0' } }] }, 'from[0].ipBlock.cidr'],
    ['a prefix that is a number', { from: [{ ipBlock: { cidr: 10 } }] }, 'from[0].ipBlock.cidr'],
    [
      'an except that is none',
      { from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1'] } }] },
      'from[0].ipBlock.except[0]',
    ],
    ['a field of the block', { from: [{ ipBlock: { cidr: '10.0.0.0/8', only: [] } }] }, 'from[0].ipBlock.only'],
    [
      'an operator',
      { from: [{ podSelector: { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] } }] },
      'from[0].podSelector.matchExpressions[0].operator',
    ],
    [
      'In without values',
      { from: [{ namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'NotIn' }] } }] },
      'from[0].namespaceSelector.matchExpressions[0].values',
    ],
    [
      'Exists with values',
      { from: [{ podSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['1'] }] } }] },
      'from[0].podSelector.matchExpressions[0].values',
    ],
    [
      'an expression without a key',
      { from: [{ podSelector: { matchExpressions: [{ operator: 'DoesNotExist' }] } }] },
      'from[0].podSelector.matchExpressions[0].key',
    ],
    [
      'a label that is a number',
      { from: [{ podSelector: { matchLabels: { a: 1 } } }] },
      'from[0].podSelector.matchLabels.a',
    ],
    [
      'a field of a selector',
      { from: [{ podSelector: { matchLabel: { a: 'b' } } }] },
      'from[0].podSelector.matchLabel',
    ],
    ['a protocol', { ports: [{ protocol: 'QUIC', port: 443 }] }, 'ports[0].protocol'],
    ['a protocol in small letters', { ports: [{ protocol: 'tcp' }] }, 'ports[0].protocol'],
    ['port 0', { ports: [{ port: 0 }] }, 'ports[0].port'],
    ['a port that is too large', { ports: [{ port: 65536 }] }, 'ports[0].port'],
    ['half a port', { ports: [{ port: 1.5 }] }, 'ports[0].port'],
    ['a port number as text', { ports: [{ port: '80' }] }, 'ports[0].port'],
    ['a range without a beginning', { ports: [{ endPort: 80 }] }, 'ports[0].endPort'],
    ['a range from a name', { ports: [{ port: 'web', endPort: 80 }] }, 'ports[0].endPort'],
    ['a range that ends before it begins', { ports: [{ port: 80, endPort: 79 }] }, 'ports[0].endPort'],
    ['a field of a port', { ports: [{ port: 80, sourcePort: 1 }] }, 'ports[0].sourcePort'],
  ];

  test.each(broken)('%s closes its rule and no other', (_, rule, field) => {
    const reading = read({ podSelector: { matchLabels: { app: 'web' } }, ingress: [fine, rule, fine] });
    expect(summary(reading)).toEqual(['ingress any 1 0', 'ingress 0 any 1 closed', 'ingress any 1 2']);
    const path = `spec.ingress[1]${field === '' ? '' : `.${field}`}`;
    expect(reading.problems).toEqual([expect.stringMatching(/: ingress rule 1 admits nobody$/)]);
    expect(reading.problems[0]?.split(': ')[0]).toBe(path);
    expect(subject(reading)).not.toContain('');
  });

  test.each(broken)('%s closes an egress rule, too', (_, rule) => {
    const turned = JSON.parse(JSON.stringify(rule).replaceAll('"from"', '"to"')) as unknown;
    expect(summary(read({ podSelector: {}, policyTypes: ['Egress'], egress: [turned] }))).toEqual([
      'egress 0 any 0 closed',
    ]);
  });

  test.each<[string, unknown]>([
    ['no object', 1],
    ['a list', []],
    ['a field', { matchNames: ['a'] }],
    ['an operator', { matchExpressions: [{ key: 'a', operator: 'Lt', values: ['1'] }] }],
    ['labels that are none', { matchLabels: ['a'] }],
  ])('a selector of the policy with %s selects every pod', (_, podSelector) => {
    const reading = read({ podSelector, ingress: [fine] });
    expect(subject(reading)).toEqual(['']);
    expect(summary(reading)).toEqual(['ingress any 1 0']);
    expect(reading.problems).toEqual([expect.stringContaining('the policy selects every pod of its namespace')]);
  });

  test.each<[string, unknown]>([
    ['a type', ['Ingress', 'Both']],
    ['a type in small letters', ['ingress']],
    ['no list', 'Ingress'],
    ['a type that is no text', [1]],
  ])('%s among the types isolates both directions', (_, policyTypes) => {
    const reading = read({ podSelector: {}, policyTypes, ingress: [fine] });
    expect(summary(reading)).toEqual(['ingress any 1 0', 'egress 0 any -']);
    expect(reading.problems).toEqual([expect.stringContaining('the policy isolates both directions')]);
  });

  test('a field of the policy closes all its rules', () => {
    const reading = read({ podSelector: { matchLabels: { app: 'web' } }, ingress: [{}], egress: [{}], tier: 1 });
    expect(summary(reading)).toEqual(['ingress 0 any 0 closed', 'egress 0 any 0 closed']);
    expect(subject(reading)).toEqual(['app', 'app'].map((key) => expect.stringContaining(key)));
    expect(reading.problems).toEqual([
      'spec.tier: Unknown field: no such field is known here: no rule of the policy admits anybody',
    ]);
  });

  test('a field beside the spec closes all rules, too', () => {
    const spec = { podSelector: {}, ingress: [{}] };
    const reading = translate({ ...POLICY, spec, unknownFields: ['later'] });
    expect(summary(reading)).toEqual(['ingress 0 any 0 closed']);
    expect(reading.problems).toEqual([expect.stringMatching(/^later: Unknown field/)]);
  });

  test.each([['x'], [1], [[]], [true]])('a spec that is %j isolates the namespace in both directions', (spec) => {
    const reading = read(spec);
    expect(summary(reading)).toEqual(['ingress 0 any -', 'egress 0 any -']);
    expect(subject(reading)).toEqual(['', '']);
    expect(reading.problems).toHaveLength(1);
  });

  test.each(['ingress', 'egress'])('%s that is no list isolates and admits nobody', (direction) => {
    const reading = read({ podSelector: {}, [direction]: {} });
    expect(summary(reading)).toContain(`${direction} 0 any -`);
    expect(reading.problems).toEqual([expect.stringContaining(`no ${direction} rule admits anybody`)]);
  });

  test('says the first of many, short and safe on a terminal', () => {
    const hostile = { [`\u001b]0;x\u0007${'k'.repeat(10_000)}`]: `\u202e${'x'.repeat(1_000_000)}` };
    const { problems } = read({ podSelector: {}, ingress: Array.from({ length: 1_000 }, () => hostile) });
    expect(problems).toHaveLength(6);
    expect(problems.at(-1)).toBe('and 995 more');
    for (const problem of problems) {
      expect(problem).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(problem.length).toBeLessThan(1_000);
    }
  });

  test('nobody is admitted by what is closed, and every entry isolates', () => {
    const closed = ({ closed: why }: PolicyEntry) => why !== undefined;
    const { entries } = read({ podSelector: {}, ingress: [1, {}], egress: [{ later: 1 }] });
    expect(entries.filter(closed).map(({ peers }) => peers)).toEqual([[], []]);
    expect(entries.every(({ isolates }) => isolates)).toBe(true);
  });
});
