import { expect, test } from 'vitest';
import type { JsonObject, KubeObject } from '../../apiserver/index.ts';
import { podsToDelete } from './pods-to-delete.ts';

const NOW = Date.UTC(2026, 0, 2);
const ago = (seconds: number): string => new Date(NOW - seconds * 1_000).toISOString();

type Traits = {
  readonly node?: string;
  readonly phase?: string;
  readonly ready?: number;
  readonly cost?: string;
  readonly restarts?: number;
  readonly created?: number;
};

function pod(name: string, traits: Traits = {}): KubeObject {
  const { node = 'node-1', phase = 'Running', ready = 1_000, cost, restarts = 0, created = 5_000 } = traits;
  const conditions: JsonObject[] = ready < 0 ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: ago(ready) }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      uid: name,
      creationTimestamp: ago(created),
      annotations: cost === undefined ? {} : { 'controller.kubernetes.io/pod-deletion-cost': cost },
    },
    spec: node === '' ? {} : { nodeName: node },
    status: { phase, conditions, containerStatuses: [{ restartCount: restarts }] },
  };
}

test.each<[string, Traits, Traits]>([
  ['has no node', { node: '' }, {}],
  ['waits', { phase: 'Pending' }, { phase: 'Running', ready: -1 }],
  ['is of unknown state', { phase: 'Unknown' }, { phase: 'Running', ready: -1 }],
  ['is not ready', { ready: -1 }, {}],
  ['costs less', { cost: '-5' }, { cost: '0' }],
  ['costs less than one that is younger', { cost: '1', ready: 9_000 }, { cost: '2', ready: 10 }],
  ['has been ready for much shorter', { ready: 10 }, { ready: 1_000 }],
  ['was started again more often', { restarts: 3 }, { restarts: 1 }],
  ['is much younger', { created: 100 }, { created: 100_000 }],
])('the one goes that %s', (_, goes, stays) => {
  const pods = [pod('stays', stays), pod('goes', goes)];
  expect(podsToDelete(pods, pods, 1, NOW).map(({ metadata }) => metadata.name)).toEqual(['goes']);
  expect(podsToDelete(pods.toReversed(), pods, 1, NOW).map(({ metadata }) => metadata.name)).toEqual(['goes']);
});

test('of equals the one goes whose node has more of the workload', () => {
  const pods = [pod('alone', { node: 'node-2' }), pod('crowded')];
  const related = [...pods, pod('neighbour')];
  expect(podsToDelete(pods, related, 1, NOW).map(({ metadata }) => metadata.name)).toEqual(['crowded']);
});

test('all go where more are to go than there are', () => {
  expect(podsToDelete([pod('a'), pod('b')], [], 5, NOW)).toHaveLength(2);
});
