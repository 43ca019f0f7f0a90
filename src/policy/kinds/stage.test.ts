import { describe, expect, test } from 'vitest';
import { networkPolicy, readPolicy } from './index.ts';
import { quarantine } from './samples.ts';

const spec = { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}, { ports: [{ port: 80 }] }] };
const policy = (annotations?: unknown) =>
  networkPolicy.schema.parse({ metadata: { namespace: 'shop', name: 'p', annotations }, spec });
const stage = (value: unknown) => ({ 'membrane.io/stage': value });
const plain = readPolicy(policy()).entries;

describe('the annotation membrane.io/stage', () => {
  test.each([[undefined], [null], ['text'], [{}], [{ 'membrane.io/staged': 'true', stage: 'true' }]])(
    'is not there in %j: the policy holds',
    (annotations) => {
      expect(plain).toHaveLength(3);
      expect(readPolicy(policy(annotations))).toEqual({ entries: plain, problems: [] });
    },
  );

  test('is "true": the policy says nothing, and what it would say is beside it', () => {
    expect(readPolicy(policy(stage('true')))).toEqual({ entries: [], problems: [], staged: plain });
  });

  test('is "true" of a policy that cannot be read: it isolates nobody, and what is wrong is said', () => {
    const broken = networkPolicy.schema.parse({
      metadata: { namespace: 'shop', name: 'p', annotations: stage('true') },
      spec: { podSelector: {}, later: 1 },
    });
    expect(readPolicy(broken)).toMatchObject({ entries: [], problems: [/spec.later/], staged: [{ isolates: true }] });
  });

  test.each([['false'], ['True'], ['TRUE'], [' true'], ['true\n'], ['1'], [''], ['yes'], [true], [null], [['true']]])(
    'is %j: it isolates what it selects, admits nobody, and says why',
    (value) => {
      const { entries, problems, staged } = readPolicy(policy(stage(value)));
      expect(staged).toBeUndefined();
      expect(entries.map(({ isolates, peers, closed }) => [isolates, peers, closed])).toEqual(
        plain.map(() => [true, [], 'unreadable']),
      );
      expect(problems).toEqual([
        expect.stringMatching(
          /^metadata\.annotations\[membrane\.io\/stage\]: Unsupported value: .*: supported values: "true": no rule of the policy admits anybody$/,
        ),
      ]);
    },
  );

  test('is of every kind, and what denies goes on to deny where it is not understood', () => {
    const kinds = [quarantine()];
    const of = (value: string) => {
      const [kind] = kinds;
      const row = kind?.schema.parse({ metadata: { namespace: 'shop', name: 'q', annotations: stage(value) } });
      if (row === undefined) throw new Error('no kind');
      return readPolicy(row, kinds);
    };
    expect(of('true')).toMatchObject({ entries: [], staged: [{ verdict: 'deny' }] });
    expect(of('soon').entries).toMatchObject([{ verdict: 'deny', peers: 'any', isolates: true }]);
  });
});

describe('the label membrane.io/mirror', () => {
  const labelled = (value: unknown, annotations?: unknown) =>
    networkPolicy.schema.parse({
      metadata: { namespace: 'shop', name: 'p', labels: { 'membrane.io/mirror': value }, annotations },
      spec,
    });

  test('is "floor": nobody enforces or counts it, staged or not', () => {
    for (const annotations of [undefined, stage('true')])
      expect(readPolicy(labelled('floor', annotations))).toEqual({ entries: [], problems: [], isMirror: true });
  });

  test.each([
    ['true', undefined],
    ['', undefined],
    ['Floor', undefined],
    [true, undefined],
    ['floor', stage('no')],
  ])('is %j beside %j: it isolates what it selects, and admits nobody', (value, annotations) => {
    const { entries, problems, isMirror } = readPolicy(labelled(value, annotations));
    expect([isMirror, problems.length]).toEqual([undefined, 1]);
    expect(entries.map(({ peers, closed }) => [peers, closed])).toEqual(plain.map(() => [[], 'unreadable']));
  });
});
