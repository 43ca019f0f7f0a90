import { describe, expect, test } from 'vitest';
import { isMembraneError } from '../base/index.ts';
import type { PolicyEntry } from '../model/index.ts';
import { formatFieldError } from './field-error.ts';
import { parseNetworkPolicy, translateNetworkPolicy } from './translate-network-policy.ts';
import { networkPolicyWarnings, validateNetworkPolicy } from './validate-network-policy.ts';

const policy = (spec: unknown, metadata: object = { name: 'p', namespace: 'shop' }) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata,
  spec,
});
const errors = (object: unknown) => validateNetworkPolicy(object).errors.map(formatFieldError);
const fields = (object: unknown) => validateNetworkPolicy(object).errors.map(({ field, type }) => `${field}: ${type}`);
const ports = (...list: unknown[]) => policy({ podSelector: {}, ingress: [{ ports: list }] });
const from = (...list: unknown[]) => policy({ podSelector: {}, ingress: [{ from: list }] });

describe('validation', () => {
  test.each([
    ['endPort without port', ports({ endPort: 9 }), 'spec.ingress[0].ports[0].port: Required value'],
    ['endPort with a name', ports({ port: 'web', endPort: 9 }), 'spec.ingress[0].ports[0].endPort: Invalid value'],
    ['endPort below port', ports({ port: 10, endPort: 9 }), 'spec.ingress[0].ports[0].endPort: Invalid value'],
    ['endPort too large', ports({ port: 10, endPort: 65536 }), 'spec.ingress[0].ports[0].endPort: Invalid value'],
    ['port 0', ports({ port: 80 }, { port: 0 }), 'spec.ingress[0].ports[1].port: Invalid value'],
    ['port too large', ports({ port: 65536 }), 'spec.ingress[0].ports[0].port: Invalid value'],
    ['port with a fraction', ports({ port: 1.5 }), 'spec.ingress[0].ports[0].port: Invalid value'],
    ['port in quotes', ports({ port: '80' }), 'spec.ingress[0].ports[0].port: Invalid value'],
    ['long port name', ports({ port: 'a234567890123456' }), 'spec.ingress[0].ports[0].port: Invalid value'],
    ['port name in capitals', ports({ port: 'Web' }), 'spec.ingress[0].ports[0].port: Invalid value'],
    ['port name with --', ports({ port: 'a--b' }), 'spec.ingress[0].ports[0].port: Invalid value'],
    ['protocol in small letters', ports({ protocol: 'tcp' }), 'spec.ingress[0].ports[0].protocol: Unsupported value'],
    ['empty peer', from({ podSelector: {} }, {}), 'spec.ingress[0].from[1]: Required value'],
    [
      'block and selector',
      from({ ipBlock: { cidr: '10.0.0.0/8' }, namespaceSelector: {} }),
      'spec.ingress[0].from[0]: Forbidden',
    ],
    ['block without cidr', from({ ipBlock: {} }), 'spec.ingress[0].from[0].ipBlock.cidr: Required value'],
    ['no prefix', from({ ipBlock: { cidr: '10.0.0.0' } }), 'spec.ingress[0].from[0].ipBlock.cidr: Invalid value'],
    [
      'leading zeros',
      from({ ipBlock: { cidr: '010.0.0.0/8' } }),
      'spec.ingress[0].from[0].ipBlock.cidr: Invalid value',
    ],
    [
      'except of another family',
      from({ ipBlock: { cidr: '0.0.0.0/0', except: ['2001:db8::/32'] } }),
      'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value',
    ],
    [
      'except as large',
      from({ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '10.0.0.0/8'] } }),
      'spec.ingress[0].from[0].ipBlock.except[1]: Invalid value',
    ],
    [
      'In without values',
      from({ podSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }),
      'spec.ingress[0].from[0].podSelector.matchExpressions[0].values: Required value',
    ],
    [
      'Exists with values',
      from({ podSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['x'] }] } }),
      'spec.ingress[0].from[0].podSelector.matchExpressions[0].values: Forbidden',
    ],
    [
      'unknown operator',
      policy({ podSelector: { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] } }),
      'spec.podSelector.matchExpressions[0].operator: Invalid value',
    ],
    [
      'label key',
      policy({ podSelector: { matchLabels: { 'a b': 'x' } } }),
      'spec.podSelector.matchLabels: Invalid value',
    ],
    [
      'label value',
      policy({ podSelector: { matchLabels: { a: '-x' } } }),
      'spec.podSelector.matchLabels: Invalid value',
    ],
    [
      'label value that is no text',
      policy({ podSelector: { matchLabels: { a: 1 } } }),
      'spec.podSelector.matchLabels.a: Invalid value',
    ],
    [
      'policyTypes',
      policy({ podSelector: {}, policyTypes: ['Ingress', 'ingress'] }),
      'spec.policyTypes[1]: Unsupported value',
    ],
    [
      'three policyTypes',
      policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress', 'Ingress'] }),
      'spec.policyTypes: Invalid value',
    ],
    ['a typing error', policy({ podSelector: {}, ingres: [] }), 'spec.ingres: Unknown field'],
    [
      'a typing error deep down',
      from({ podSelector: { matchLabel: {} } }),
      'spec.ingress[0].from[0].podSelector.matchLabel: Unknown field',
    ],
    ['a list element that is nothing', policy({ podSelector: {}, ingress: [null] }), 'spec.ingress[0]: Invalid value'],
    ['no list', policy({ podSelector: {}, ingress: {} }), 'spec.ingress: Invalid value'],
    ['another kind', { ...policy({}), kind: 'Pod' }, 'kind: Invalid value'],
    ['no name', policy({}, {}), 'metadata.name: Required value'],
    ['a path for a name', policy({}, { name: '../etc' }), 'metadata.name: Invalid value'],
    ['nothing', null, 'object: Invalid value'],
    ['a text', 'x', 'object: Invalid value'],
  ])('%s is refused at its field', (_, object, expected) => {
    expect(fields(object)).toEqual([expected]);
    expect(validateNetworkPolicy(object).policy).toBeUndefined();
  });

  test.each([
    ['no spec at all', policy(undefined)],
    ['nulls for what is not given', policy({ podSelector: {}, ingress: null, egress: null, policyTypes: null })],
    ['a null selector beside another', from({ podSelector: null, namespaceSelector: {} })],
    ['labels', policy({ podSelector: { matchLabels: { 'example.com/app': '', 'a.b_c-d': 'X.y_z' } } })],
    ['ports', ports({}, { port: 1 }, { protocol: 'SCTP' }, { port: 'serve-80' }, { port: 65535, endPort: 65535 })],
    ['blocks', from({ ipBlock: { cidr: '::/0', except: ['2001:db8::1/128'] } }, { ipBlock: { cidr: '10.1.2.3/8' } })],
    ['Ingress twice', policy({ podSelector: {}, policyTypes: ['Ingress', 'Ingress'] })],
    ['what the server adds', { ...policy({}, { name: 'p', creationTimestamp: null, managedFields: [] }), status: {} }],
  ])('%s is accepted', (_, object) => expect(errors(object)).toEqual([]));

  test('all errors at once', () => {
    expect(
      errors(policy({ podSelector: {}, policyTypes: ['All'], egress: [{ to: [{}], ports: [{ port: 0 }] }] })),
    ).toHaveLength(3);
  });

  test('messages are short and safe on a terminal', () => {
    const [message = ''] = errors(
      policy({ podSelector: {}, policyTypes: [`\u001b[2J\u0085\u202e${'x'.repeat(10_000_000)}`] }),
    );
    expect(message).toMatch(/^spec\.policyTypes\[0\]: Unsupported value: "/);
    expect(message.length).toBeLessThan(600);
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('unknown fields with hostile names are safe, too', () => {
    const [message = ''] = errors(policy({ podSelector: {}, ['\u001b]0;x\u0007']: 1 }));
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('parse names the object and all fields', () => {
    try {
      parseNetworkPolicy(policy({ podSelector: {}, policyTypes: ['All'] }));
      expect.unreachable();
    } catch (error) {
      expect(isMembraneError(error, 'E_POLICY_INVALID')).toBe(true);
      expect(String(error)).toContain('NetworkPolicy shop/p: spec.policyTypes[0]: Unsupported value: "All"');
    }
  });

  test('cleared host bits are worth a warning', () => {
    const object = parseNetworkPolicy(
      from({ ipBlock: { cidr: '10.1.2.3/8', except: ['10.2.0.0/16', '10.3.0.1/16'] } }),
    );
    expect(networkPolicyWarnings(object)).toEqual([
      'spec.ingress[0].from[0].ipBlock.cidr: 10.1.2.3/8 means 10.0.0.0/8',
      'spec.ingress[0].from[0].ipBlock.except[1]: 10.3.0.1/16 means 10.3.0.0/16',
    ]);
  });
});

describe('translation', () => {
  const translate = (spec: unknown, metadata?: object): PolicyEntry[] =>
    translateNetworkPolicy(parseNetworkPolicy(policy(spec, metadata)));
  const summary = (entries: PolicyEntry[]) =>
    entries.map(
      ({ direction, peers, ports: list, origin }) =>
        `${direction} ${peers === 'any' ? 'any' : peers.length} ${list === 'any' ? 'any' : list.length} ${origin.rule}`,
    );

  test.each([
    ['nothing', {}, ['ingress 0 any undefined']],
    [
      'types without rules',
      { policyTypes: ['Egress', 'Ingress'] },
      ['ingress 0 any undefined', 'egress 0 any undefined'],
    ],
    ['egress rules without types', { egress: [{}] }, ['ingress 0 any undefined', 'egress any any 0']],
    ['an empty egress list', { egress: [] }, ['ingress 0 any undefined']],
    ['a section that no type names', { policyTypes: ['Egress'], ingress: [{}], egress: [{}] }, ['egress any any 0']],
    ['no types', { policyTypes: [], ingress: [{}] }, ['ingress any any 0']],
    ['empty lists of a rule', { ingress: [{ from: [], ports: [] }] }, ['ingress any any 0']],
    ['rules are counted', { ingress: [{}, { ports: [{}] }] }, ['ingress any any 0', 'ingress any 1 1']],
  ])('%s', (_, spec, expected) => expect(summary(translate(spec))).toEqual(expected));

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
    const [entry] = translate(spec, { name: 'p', namespace: 'shop', uid: 'u-1' });
    expect(entry).toMatchObject({
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
    });
    const block = entry?.peers !== 'any' ? entry?.peers[2] : undefined;
    expect(block?.kind === 'prefix' && [block.prefix, ...block.except].map(String)).toEqual([
      '10.0.0.0/8',
      '10.9.0.0/16',
    ]);
  });

  test('without a namespace it is that of the caller', () => {
    const [entry] = translateNetworkPolicy(parseNetworkPolicy(policy({}, { name: 'p' })), 'here');
    expect(entry?.subject.namespace).toEqual({ name: 'here' });
    expect(entry?.origin.namespace).toBe('here');
  });
});
