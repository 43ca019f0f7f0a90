import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Flow } from '../model/index.ts';
import { flowTest } from './flow-match.ts';
import { FIELDS, type Field, parseQuery, term, termText } from './query.ts';

const flow: Flow = {
  time: 1,
  node: 'node-1',
  type: 'drop',
  verdict: 'dropped',
  dropReason: 'policy-ingress',
  direction: 'ingress',
  source: { addr: '192.0.2.7', port: 40_000, identity: 2, labels: ['reserved:world'] },
  destination: {
    addr: '10.1.0.3',
    port: 9090,
    identity: 301,
    labels: ['k8s:app=web', 'k8s:team'],
    namespace: 'shop',
    pod: 'web-7d4b9c6f5d-x2x7k',
  },
  protocol: 'TCP',
  tcpFlags: ['SYN'],
  rules: {},
  denial: { direction: 'ingress', by: 'policies', policies: ['NetworkPolicy shop/deny'], reason: 'because' },
  isReply: false,
  length: 60,
  ifindex: 1,
  hook: 'to-pod',
};
const matches = (text: string): boolean => {
  const query = parseQuery(text);
  expect(query.problems, text).toEqual([]);
  return flowTest(query)(flow);
};

describe('what is asked of flows', () => {
  it.each([
    ['', true],
    ['ns:shop', true],
    ['ns:bank', false],
    ['ns:bank,shop', true],
    ['-ns:bank,shop', false],
    ['verdict:dropped port:9090', true],
    ['verdict:dropped port:80', false],
    ['port:80 or verdict:dropped', true],
    ['port:80 OR port:81', false],
    ['from:world', true],
    ['to:world', false],
    ['to:shop/web', true],
    ['to:shop/web-7d4b9c6f5d-x2x7k', true],
    ['to:shop/', true],
    ['to:web', true],
    ['to:shop/w*b', false],
    ['to:shop/web-*', true],
    ['to:shop/*x7k', true],
    ['to:*/web', true],
    ['from:shop/', false],
    ['pod:shop/web', true],
    ['from:192.0.2.7', true],
    ['from:192.0.2.0/24', true],
    ['to:192.0.2.0/24', false],
    ['from:2001:db8::/32', false],
    ['label:app=web', true],
    ['label:k8s:app=web', true],
    ['label:app', true],
    ['label:ap', false],
    ['identity:301', true],
    ['proto:tcp', true],
    ['reason:policy-ingress', true],
    ['policy:shop/deny', true],
    ['policy:shop/allow', false],
    ['node:node-1', true],
    ['type:open', false],
    ['because', true],
    ['-because', false],
    ['"NetworkPolicy shop"', false],
    ['10.1.0.3', true],
  ])('%s: %s', (text, expected) => {
    expect(matches(text)).toBe(expected);
  });

  it.each([
    ['no field', 'verdct:dropped', 'there is no field "verdct"'],
    ['no verdict', 'verdict:droped', 'verdict: "droped" cannot be'],
    ['no port', 'port:70000', 'port: "70000" cannot be'],
    ['no value', 'port:', '"port:" says no value'],
    ['much text', 'x'.repeat(5_000), 'longer than 4096 characters'],
    ['many terms', Array.from({ length: 65 }, (_, i) => `port:${i}`).join(' '), 'more than 64 terms'],
    ['what objects have', 'constructor:x', 'there is no field "constructor"'],
  ])('says what is wrong with %s', (_, text, problem) => {
    expect(parseQuery(text).problems).toEqual([problem]);
  });

  it('reads what it writes, and never throws', () => {
    const fields = fc.constantFrom(...(Object.keys(FIELDS) as Field[]));
    const free = fields.filter((field) => !['verdict', 'type', 'port', 'identity'].includes(field));
    fc.assert(
      fc.property(free, fc.string({ unit: 'binary', maxLength: 40 }), (field, value) => {
        const clean = value.replaceAll('"', '');
        fc.pre(clean.length > 0);
        const { alternatives, problems } = parseQuery(term(field, clean));
        expect(problems).toEqual([]);
        expect(alternatives).toEqual([[{ field, values: [clean], not: false }]]);
        const again = alternatives.flat().map(termText).join(' ');
        expect(parseQuery(again).alternatives).toEqual(alternatives);
      }),
    );
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void flowTest(parseQuery(text))(flow)));
  });
});
