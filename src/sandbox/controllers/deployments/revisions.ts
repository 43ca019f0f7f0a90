import { equal, type Json, type JsonObject, type KubeObject, stringMapAt } from '../../apiserver/index.ts';
import { byAge } from './rolling-update.ts';
import { maxSurge, templateOf, wantedOf } from './spec.ts';

export const HASH_LABEL = 'pod-template-hash';
export const REVISION = 'deployment.kubernetes.io/revision';
const HISTORY = 'deployment.kubernetes.io/revision-history';
const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAX = 'deployment.kubernetes.io/max-replicas';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** What a set does not take over from its deployment. */
const OWN = new Set([LAST_APPLIED, REVISION, HISTORY, DESIRED, MAX, 'deprecated.deployment.rollback.to']);

export function revisionOf(object: KubeObject): number {
  return Number(object.metadata.annotations?.[REVISION] ?? 0) || 0;
}

export function newestRevision(sets: readonly KubeObject[]): number {
  return Math.max(0, ...sets.map(revisionOf));
}

export function desiredReplicasOf(set: KubeObject): number | undefined {
  return annotatedNumber(set, DESIRED);
}

export function maxReplicasOf(set: KubeObject): number | undefined {
  return annotatedNumber(set, MAX);
}

function annotatedNumber(set: KubeObject, key: string): number | undefined {
  const text = set.metadata.annotations?.[key];
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

/** The set whose pods are what the deployment wants now: the oldest one, should there be more. */
export function findNewSet(deployment: KubeObject, sets: readonly KubeObject[]): KubeObject | undefined {
  const wanted = templateOf(deployment);
  return sets.toSorted(byAge).find((set) => equal(withoutHash(templateOf(set)), withoutHash(wanted)));
}

function withoutHash(template: JsonObject): Json {
  const labels = stringMapAt(template, 'metadata', 'labels');
  delete labels[HASH_LABEL];
  return { ...template, metadata: { ...(template['metadata'] as JsonObject | undefined), labels } };
}

/** The size that a set was given, for whom a scaling in between must be told apart from a rollout. */
export function sizeAnnotations(deployment: KubeObject): Record<string, string> {
  const wanted = wantedOf(deployment);
  return { [DESIRED]: String(wanted), [MAX]: String(wanted + maxSurge(deployment)) };
}

/** The annotations of the new set, which is or becomes the given revision. */
export function newSetAnnotations(
  deployment: KubeObject,
  set: KubeObject | undefined,
  revision: number,
): Record<string, string> {
  const own = set?.metadata.annotations ?? {};
  const taken = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !OWN.has(key));
  const next: Record<string, string> = { ...own, ...Object.fromEntries(taken) };
  const before = set === undefined ? 0 : revisionOf(set);
  if (before < revision) {
    next[REVISION] = String(revision);
    // It was one before, and is gone back to.
    if (before > 0) next[HISTORY] = own[HISTORY] === undefined ? String(before) : `${own[HISTORY]},${before}`;
  }
  return set === undefined ? { ...next, ...sizeAnnotations(deployment) } : next;
}
