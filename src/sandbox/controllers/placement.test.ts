import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Node, nodeSchema } from '../client/node.ts';
import { type Pod, podSchema } from '../client/pod.ts';
import { type HostPortClaim, type NodeLoad, place, tolerates } from './placement.ts';

function pod(spec: Record<string, unknown> = {}): Pod {
  return podSchema.parse({
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: { containers: [{ name: 'c', image: 'pause' }], ...spec },
  });
}

function node(
  name: string,
  more: { ready?: boolean; labels?: Record<string, string>; spec?: unknown; pods?: string } = {},
): Node {
  return nodeSchema.parse({
    metadata: { name, labels: more.labels ?? {} },
    spec: more.spec ?? {},
    status: {
      conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True' }],
      ...(more.pods !== undefined && { allocatable: { pods: more.pods } }),
    },
  });
}

const loads = (...rows: (readonly [string, number])[]): Map<string, NodeLoad> =>
  new Map(rows.map(([name, pods]) => [name, { pods, hostPorts: [] }]));

const required = (...nodeSelectorTerms: object[]): Record<string, unknown> => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});
const named = (...values: string[]): object => ({ matchFields: [{ key: 'metadata.name', operator: 'In', values }] });
const labelled = (operator: string, ...values: string[]): object => ({
  matchExpressions: [{ key: 'disk', operator, values }],
});

describe('required node affinity', () => {
  const nodes = [node('a', { labels: { disk: '8' } }), node('b')];

  it.each<[string, object[], string | undefined]>([
    ['a name', [named('b')], 'b'],
    ['another name', [named('c')], undefined],
    ['a value', [labelled('In', '8')], 'a'],
    ['another value', [labelled('NotIn', '8')], 'b'],
    ['a label', [labelled('Exists')], 'a'],
    ['no label', [labelled('DoesNotExist')], 'b'],
    ['more than', [labelled('Gt', '7')], 'a'],
    ['not more than', [labelled('Gt', '8')], undefined],
    ['less than', [labelled('Lt', '9')], 'a'],
    ['one of two terms', [named('c'), labelled('Exists')], 'a'],
    ['both of a term', [{ ...named('b'), ...labelled('Exists') }], undefined],
    ['a term that says nothing', [{}], undefined],
    ['an operator that is none', [labelled('Near', '8')], undefined],
  ])('by %s', (_, terms, expected) => {
    const placement = place(pod(required(...terms)), nodes, new Map());
    expect(placement.kind === 'node' ? placement.name : undefined).toBe(expected);
  });

  it('is no way around what bars a node, but a toleration is', () => {
    const cordoned = [node('a', { spec: { unschedulable: true } })];
    expect(place(pod(required(named('a'))), cordoned, new Map()).kind).toBe('none');
    const tolerations = [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }];
    expect(place(pod({ ...required(named('a')), tolerations }), cordoned, new Map())).toMatchObject({ name: 'a' });
  });
});

describe('place', () => {
  it('spreads by count, the first by name among equals', () => {
    const nodes = [node('node-10'), node('node-2'), node('node-1')];
    expect(place(pod(), nodes, new Map())).toEqual({ kind: 'node', name: 'node-1' });
    expect(place(pod(), nodes, loads(['node-1', 1]))).toEqual({ kind: 'node', name: 'node-2' });
    const busy = loads(['node-1', 3], ['node-2', 2], ['node-10', 1]);
    expect(place(pod(), nodes, busy)).toEqual({ kind: 'node', name: 'node-10' });
  });

  it.each([
    ['no nodes', [], '0/0 nodes are available.'],
    ['not ready', [node('a', { ready: false })], '0/1 nodes are available: 1 node(s) were not ready.'],
    [
      'cordoned',
      [node('a', { spec: { unschedulable: true } })],
      '0/1 nodes are available: 1 node(s) were unschedulable.',
    ],
    [
      'tainted and not ready',
      [node('a', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }), node('b', { ready: false })],
      '0/2 nodes are available: 1 node(s) had untolerated taint, 1 node(s) were not ready.',
    ],
  ])('says why nothing fits: %s', (_, nodes, message) => {
    expect(place(pod(), nodes, new Map())).toEqual({ kind: 'none', message });
  });

  it.each([
    ['the same place', {}, false],
    ['every address', { hostIP: '' }, false],
    ['another address', { hostIP: '127.0.0.1' }, true],
    ['another protocol', { protocol: 'UDP' }, true],
    ['another port', { hostPort: 54_324 }, true],
  ])('a port of the node is one pod’s: %s', (_, more: Partial<HostPortClaim>, fits) => {
    const taken = { hostIP: '172.18.0.2', hostPort: 54_323, protocol: 'TCP' };
    const wanted = { containerPort: 8080, ...taken, ...more };
    const asks = pod({ containers: [{ name: 'c', image: 'pause', ports: [wanted] }] });
    const placement = place(asks, [node('a')], new Map([['a', { pods: 1, hostPorts: [taken] }]]));
    const message = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.";
    expect(placement).toEqual(fits ? { kind: 'node', name: 'a' } : { kind: 'none', message });
  });

  it('leaves a node alone that has as many pods as it may have', () => {
    const nodes = [node('a', { pods: '2' })];
    expect(place(pod(), nodes, loads(['a', 1]))).toEqual({ kind: 'node', name: 'a' });
    expect(place(pod(), nodes, loads(['a', 2]))).toEqual({
      kind: 'none',
      message: '0/1 nodes are available: 1 Too many pods.',
    });
  });

  it('honours a node selector', () => {
    const nodes = [node('a'), node('b', { labels: { disk: 'ssd' } })];
    expect(place(pod({ nodeSelector: { disk: 'ssd' } }), nodes, loads(['b', 9]))).toEqual({
      kind: 'node',
      name: 'b',
    });
    expect(place(pod({ nodeSelector: { disk: 'hdd' } }), nodes, new Map()).kind).toBe('none');
  });

  it('never lets two nodes differ by more than one when it fills them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 60 }), (size, pods) => {
        const nodes = Array.from({ length: size }, (_, i) => node(`n${i}`));
        const counts = new Map<string, NodeLoad>();
        const count = (name: string): number => counts.get(name)?.pods ?? 0;
        for (let i = 0; i < pods; i += 1) {
          const placed = place(pod(), nodes, counts);
          if (placed.kind === 'node') counts.set(placed.name, { pods: count(placed.name) + 1, hostPorts: [] });
        }
        const all = nodes.map((n) => count(n.metadata.name));
        return Math.max(...all) - Math.min(...all) <= 1;
      }),
    );
  });
});

describe('tolerates', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
  it.each([
    [{ key: 'k', value: 'v' }, true],
    [{ key: 'k', value: 'w' }, false],
    [{ key: 'k', operator: 'Exists' }, true],
    [{ operator: 'Exists' }, true],
    [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }, false],
    [{}, false],
  ])('%j: %s', (toleration, expected) => {
    expect(tolerates([toleration], taint)).toBe(expected);
  });
});
