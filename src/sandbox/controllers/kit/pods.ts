import { type Json, type KubeObject, listAt, numberAt, objectAt, stringAt } from '../../apiserver/index.ts';

/** Neither at its end nor on its way out. */
export function isActive(pod: KubeObject): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isFinished(pod);
}

export function isFinished(pod: KubeObject): boolean {
  const phase = stringAt(pod, 'status', 'phase');
  return phase === 'Succeeded' || phase === 'Failed';
}

function readyCondition(pod: KubeObject): Json | undefined {
  return listAt(pod, 'status', 'conditions').find((condition) => stringAt(condition, 'type') === 'Ready');
}

export function isReady(pod: KubeObject): boolean {
  return stringAt(readyCondition(pod), 'status') === 'True';
}

/** Since when the pod is ready, in ms since the epoch; `undefined`: it is not. */
export function readySince(pod: KubeObject): number | undefined {
  if (!isReady(pod)) return undefined;
  const since = Date.parse(stringAt(readyCondition(pod), 'lastTransitionTime') ?? '');
  return Number.isNaN(since) ? 0 : since;
}

/** In how many ms the pod will have been ready for so long; 0: it has, `undefined`: it is not ready. */
export function availableIn(pod: KubeObject, minReadySeconds: number, now: number): number | undefined {
  const since = readySince(pod);
  return since === undefined ? undefined : Math.max(0, since + minReadySeconds * 1_000 - now);
}

export function isAvailable(pod: KubeObject, minReadySeconds: number, now: number): boolean {
  return availableIn(pod, minReadySeconds, now) === 0;
}

/** When the next of these pods that are ready will be available; `undefined`: none will by waiting. */
export function nextAvailable(pods: readonly KubeObject[], minReadySeconds: number, now: number): number | undefined {
  const waits = pods.map((pod) => availableIn(pod, minReadySeconds, now) ?? 0).filter((ms) => ms > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** Of the container that was started again most often. */
export function restartsOf(pod: KubeObject): number {
  return Math.max(0, ...listAt(pod, 'status', 'containerStatuses').map((c) => numberAt(c, 'restartCount') ?? 0));
}

export function nodeOf(pod: KubeObject): string {
  return stringAt(objectAt(pod, 'spec'), 'nodeName') ?? '';
}

export function minReadySecondsOf(workload: KubeObject): number {
  return numberAt(workload, 'spec', 'minReadySeconds') ?? 0;
}
