import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { FlowFilterSchema } from '../gen/flow/flow_pb.js';
import { compileFilters } from './flow-filter.ts';
import { labelSelector } from './label-selector.ts';

type Filter = MessageInitShape<typeof FlowFilterSchema>;

function outcome(...filters: readonly Filter[]): string {
  try {
    compileFilters(
      filters.map((filter) => create(FlowFilterSchema, filter)),
      [],
      'test',
    );
    return 'served';
  } catch (error) {
    return error instanceof ConnectError && error.code === Code.InvalidArgument ? 'refused' : String(error);
  }
}

const cel = (...celExpression: string[]): Filter => ({ experimental: { celExpression } });
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const labels = '_flow.source.labels';
const list = `[${times(250, String).join()}]`;

test.each<[string, Filter[]]>([
  ['a loop within loops', [cel(`${labels}.all(a, ${labels}.all(b, ${labels}.all(c, a != b || b != c)))`)]],
  ['a loop of what is written within another', [cel(`${list}.all(a, ${list}.exists(b, a == b))`)]],
  ['loops in many expressions', [cel(...times(12, () => `${labels}.exists(l, l.matches("^k8s:app=web"))`))]],
  ['what doubles at each step', [cel(`[[1]]${'.map(a, a + a)'.repeat(40)}.size() == 1`)]],
  ['what doubles by another name', [cel('cel.bind(a, [1], cel.bind(b, a + a, b + b)).size() == 1')]],
  ['many expressions', [cel(...times(100, () => 'true'))]],
  ['many expressions, each in a filter', times(100, () => cel('true'))],
  ['a pattern that is repeated', [{ nodeName: ['*'.repeat(2_000)] }]],
  ['a pattern that repeats', [{ dnsQuery: ['.{1000}'.repeat(20)] }]],
  ['a pattern that repeats what repeats', [{ httpPath: ['(?:(?:a{0,30}){0,30}){0,30}'] }]],
  ['many patterns', [{ httpUrl: times(2_000, () => 'a.*b.*c.*d') }]],
  ['labels without end', [{ sourceLabel: [times(100_000, (at) => `!a${at}`).join()] }]],
  ['nothing but commas', [{ nodeLabels: [','.repeat(500_000)] }]],
  ['prefixes without end', [{ sourceIp: times(8_000, (at) => `10.${at >> 8}.${at & 255}.0/24`) }]],
  ['protocols that every object has', [{ protocol: ['constructor'] }]],
  ['a protocol that every object is', [{ protocol: ['__proto__'] }]],
])('refuses what would keep a node from all else: %s', (_what, filters) => {
  const before = process.cpuUsage();
  expect(outcome(...filters)).toBe('refused');
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1_000).toBeLessThan(1_000);
});

test.each<[string, Filter]>([
  ['pods', { sourcePod: times(8_000, (at) => `shop/web-${at}`) }],
  ['addresses', { destinationIp: times(8_000, (at) => `10.1.${at >> 8}.${at & 255}`) }],
  ['prefixes', { destinationIp: times(2_000, (at) => `10.${at >> 8}.${at & 255}.0/24`) }],
  ['labels', { sourceLabel: times(200, (at) => `k8s:app=web-${at},tier in (a, b),!old`) }],
  ['expressions', cel(`${labels}.exists(l, l == "k8s:app=web")`, `${labels}.exists(l, l.matches("^k8s:tier="))`)],
  ['repetitions as people write them', { httpPath: ['^/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'] }],
  ['nodes', { nodeName: times(100, (at) => `cluster/node-${at}*`) }],
])('serves many %s', (_what, filter) => {
  expect(outcome(filter)).toBe('served');
});

test('selectors are read part by part, whatever stands in parentheses', () => {
  const holds = labelSelector('app in (web, db),!old,tier notin (x,y),env=prod');
  expect(holds(['k8s:app=db', 'k8s:env=prod'])).toBe(true);
  expect(holds(['k8s:app=db', 'k8s:env=prod', 'k8s:tier=y'])).toBe(false);
  expect(() => labelSelector('app in (web, db')).toThrow(ConnectError);
  expect(() => labelSelector('app in (web) ,,')).toThrow(ConnectError);
});

test.each<[string, readonly string[], boolean]>([
  ['app=web', ['k8s:app=web'], true],
  ['k8s:app=web', ['k8s:app=web'], true],
  ['any:app=web', ['pod:app=web'], true],
  ['pod:app=web', ['k8s:app=web'], false],
  ['app', ['k8s:app'], true],
  ['app=', ['k8s:app'], true],
  ['ap', ['k8s:app=web'], false],
  ['app', ['k8s:app2=web', 'k8s:my-app=web'], false],
  ['app=we', ['k8s:app=web'], false],
  ['app!=web', ['k8s:app=web', 'pod:app=db'], false],
  ['reserved:world', ['reserved:world'], true],
  ['io.kubernetes.pod.namespace=shop', ['k8s:io.kubernetes.pod.namespace=shop'], true],
  ['!app', ['k8s:app.kubernetes.io/name=web'], true],
])('the selector %s of labels %j: %s', (text, labels, expected) => {
  expect(labelSelector(text)(labels)).toBe(expected);
});
