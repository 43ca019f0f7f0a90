import { clone, type Json, type JsonObject, listAt, objectAt, stringAt } from '../json.ts';
import { type KubeObject, timestamp } from '../object.ts';
import type { ResourceDefinition } from '../resource.ts';
import { badRequest, conflict } from '../status.ts';

/** The pod as it is once a scheduler put it on a node; a pod is bound once. */
export function boundPod(definition: ResourceDefinition, pod: KubeObject, node: string, now: number): KubeObject {
  const { name, deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined) {
    throw conflict(definition, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  const current = stringAt(pod, 'spec', 'nodeName') ?? '';
  if (current !== '') throw conflict(definition, name, `pod ${name} is already assigned to node "${current}"`);
  if (node === '') throw badRequest('target.name: Required value');
  const next = clone(pod as JsonObject) as KubeObject;
  next['spec'] = { ...objectAt(next, 'spec'), nodeName: node };
  const conditions: Json[] = listAt(next, 'status', 'conditions').filter((c) => stringAt(c, 'type') !== 'PodScheduled');
  conditions.push({ type: 'PodScheduled', status: 'True', lastTransitionTime: timestamp(now) });
  next['status'] = { ...objectAt(next, 'status'), conditions };
  return next;
}
