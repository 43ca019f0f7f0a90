import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../base/index.ts';
import { fieldErrorMessage } from '../../../model/index.ts';
import { networkPolicy } from './index.ts';

const refusals = (spec: JsonObject): string[] => networkPolicy.validate({ spec }).map(fieldErrorMessage);
const reading = (spec: JsonObject) =>
  networkPolicy.translate({ kind: 'NetworkPolicy', uid: 'u', namespace: 'shop', name: 'p', spec, unknownFields: [] });
const rule = (part: JsonObject): JsonObject => ({ podSelector: { matchLabels: { app: 'web' } }, ingress: [part] });

describe('what Kubernetes refuses, and what becomes of it where it is stored all the same', () => {
  test.each<[JsonObject, string]>([
    [
      { ports: [{ port: 0 }] },
      'spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    [
      { ports: [{ port: 1, protocol: 'ICMP' }] },
      'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
    ],
    [{ from: [{}] }, 'spec.ingress[0].from[0]: Required value: must specify a peer'],
    [
      { from: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] },
      'spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer',
    ],
  ])('%j: the rule admits nobody, and the policy still isolates its pods', (part, message) => {
    expect(refusals(rule(part))).toEqual([message]);
    const { entries, problems } = reading(rule(part));
    expect(entries).toMatchObject([{ peers: [], closed: 'unreadable', isolates: true, direction: 'ingress' }]);
    expect(entries[0]?.subject.pods.requirements).toMatchObject([{ key: 'app', values: ['web'] }]);
    expect(problems).toHaveLength(1);
  });

  test('what Kubernetes accepts with a warning is read as it is meant', () => {
    const spec = rule({ from: [{ ipBlock: { cidr: '010.0.0.1/8' } }] });
    expect(refusals(spec)).toEqual([]);
    expect(networkPolicy.warnings({ spec })).toEqual([expect.stringContaining('is ambiguous in this context')]);
    expect(reading(spec).problems).toEqual([]);
  });

  test('what only a later version has is not refused, and closes', () => {
    const spec = rule({ later: [1] });
    expect(refusals(spec)).toEqual([]);
    expect(reading(spec).problems).toEqual([expect.stringMatching(/later: Unknown field: .*admits nobody$/)]);
  });
});
