import { describe, expect, test } from 'vitest';
import { labelMap, workloadKey } from '../model/index.ts';
import { LabelFilter } from './label-filter.ts';
import { sampleWorkload } from './samples.ts';

const keys = (filter: LabelFilter, ...candidates: string[]) => candidates.filter((key) => filter.keeps(key));

describe('default rules', () => {
  const filter = new LabelFilter();

  test('leave out what differs from replica to replica', () => {
    expect(
      keys(
        filter,
        'pod-template-hash',
        'controller-revision-hash',
        'statefulset.kubernetes.io/pod-name',
        'apps.kubernetes.io/pod-index',
        'batch.kubernetes.io/controller-uid',
        'job-name',
      ),
    ).toEqual([]);
  });

  test('keep everything else, also keys that only look alike', () => {
    const ordinary = [
      'app',
      'app.kubernetes.io/name',
      'host',
      'world',
      'my-pod-template-hash',
      'batchXkubernetes.io/job-name',
    ];
    expect(keys(filter, ...ordinary)).toEqual(ordinary);
  });

  test('replicas of one revision share an identity', () => {
    const replica = (index: string) =>
      filter.reduce(sampleWorkload({ labels: labelMap({ app: 'db', 'apps.kubernetes.io/pod-index': index }) }));
    expect(workloadKey(replica('0'))).toBe(workloadKey(replica('1')));
  });
});

describe('keys that a policy selects', () => {
  const told = (filter: LabelFilter, selected: readonly string[], ...candidates: string[]) => {
    const labels = labelMap(Object.fromEntries(candidates.map((key) => [key, 'x'])));
    return [...filter.apply(labels, (key) => selected.includes(key)).keys()];
  };

  test('are kept against every rule', () => {
    const selected = ['pod-template-hash', 'secret'];
    expect(told(new LabelFilter(), selected, 'pod-template-hash', 'job-name')).toEqual(['pod-template-hash']);
    const none = new LabelFilter([{ action: 'exclude', prefix: '' }]);
    expect(told(none, selected, 'secret', 'app')).toEqual(['secret']);
  });

  test('also when they look like words of the system, which are left out otherwise', () => {
    const system = ['io.kubernetes.pod.namespace', 'io.cilium.k8s.namespace.labels.team'];
    const rules = [{ action: 'include', prefix: '' }] as const;
    expect(told(new LabelFilter(rules), [], ...system)).toEqual([]);
    expect(told(new LabelFilter(rules), system, ...system)).toEqual(system);
  });
});

describe('rules', () => {
  test('the first that applies decides', () => {
    const filter = new LabelFilter([
      { action: 'exclude', prefix: 'app.kubernetes.io/version' },
      { action: 'include', prefix: 'app' },
      { action: 'include', regex: 'tier-[0-9]+' },
    ]);
    expect(
      keys(filter, 'app', 'app.kubernetes.io/name', 'app.kubernetes.io/version', 'tier-1', 'tier-x', 'zone'),
    ).toEqual(['app', 'app.kubernetes.io/name', 'tier-1']);
  });

  test('a regular expression covers the whole key', () => {
    const filter = new LabelFilter([{ action: 'exclude', regex: 'a|b' }]);
    expect(keys(filter, 'a', 'b', 'ab', 'ba')).toEqual(['ab', 'ba']);
  });
});
