import { clone, equal, type JsonObject, listAt, numberAt, stringAt } from '../json.ts';
import { type KubeObject, timestamp } from '../object.ts';
import type { ResourceDefinition } from '../resource.ts';
import { conflict, forbidden } from '../status.ts';
import type { DeleteOptions, PropagationPolicy } from './options.ts';

/** `gone`: remove it. Otherwise store `next` (nothing to store when it is absent: it is being deleted already). */
export type DeletionDecision = { readonly gone: boolean; readonly next?: KubeObject };

const DEFAULT_GRACE_SECONDS = 30;
const IMMORTAL_NAMESPACES = new Set(['default', 'kube-system', 'kube-public']);

/** What a deletion does to an object now; finalizers, a pod's grace and a namespace's content come first. */
export function decideDeletion(
  definition: ResourceDefinition,
  object: KubeObject,
  options: DeleteOptions,
  now: number,
): DeletionDecision {
  if (definition.resource === 'namespaces' && IMMORTAL_NAMESPACES.has(object.metadata.name)) {
    throw forbidden(definition, object.metadata.name, 'this namespace may not be deleted');
  }
  checkPreconditions(definition, object, options);
  const grace = definition.resource === 'pods' ? podGrace(object, options.gracePeriodSeconds) : 0;
  const finalizers = finalizersFor(definition, object, options.propagationPolicy);
  const held =
    finalizers.length > 0 || (definition.resource === 'namespaces' && listAt(object, 'spec', 'finalizers').length > 0);
  if (grace === 0 && !held) return { gone: true };
  const isFirst = object.metadata.deletionTimestamp === undefined;
  // A second deletion may shorten the grace, never prolong it.
  const left = object.metadata.deletionGracePeriodSeconds ?? 0;
  const isShorter = !isFirst && options.gracePeriodSeconds !== undefined && grace < left;
  if (!isFirst && !isShorter && equal(finalizers, object.metadata.finalizers ?? [])) return { gone: false };
  const next = clone(object as JsonObject) as KubeObject;
  if (finalizers.length > 0) next.metadata.finalizers = finalizers;
  else delete next.metadata.finalizers;
  if (isFirst || isShorter) {
    next.metadata.deletionTimestamp = timestamp(now + grace * 1_000);
    next.metadata.deletionGracePeriodSeconds = grace;
  }
  if (isFirst && definition.generation === true) next.metadata.generation = (next.metadata.generation ?? 0) + 1;
  if (definition.resource === 'namespaces') {
    next['status'] = { ...(next['status'] as JsonObject | undefined), phase: 'Terminating' };
    delete next.metadata.deletionGracePeriodSeconds;
  }
  return { gone: false, next };
}

/** Kept while the garbage collector deletes the object's dependents, or lets them go. */
export const FOREGROUND_FINALIZER = 'foregroundDeletion';
export const ORPHAN_FINALIZER = 'orphan';

/** The object's own, and the one by which the garbage collector sees what was asked for; the last word counts. */
function finalizersFor(
  definition: ResourceDefinition,
  { metadata: { finalizers = [] } }: KubeObject,
  asked: PropagationPolicy | undefined,
): string[] {
  const own = finalizers.filter((name) => name !== FOREGROUND_FINALIZER && name !== ORPHAN_FINALIZER);
  if (asked === undefined && own.length < finalizers.length) return finalizers;
  const policy = asked ?? (definition.orphansByDefault === true ? 'Orphan' : 'Background');
  if (policy === 'Foreground') return [...own, FOREGROUND_FINALIZER];
  return policy === 'Orphan' ? [...own, ORPHAN_FINALIZER] : own;
}

function podGrace(pod: KubeObject, asked: number | undefined): number {
  const phase = stringAt(pod, 'status', 'phase');
  if ((stringAt(pod, 'spec', 'nodeName') ?? '') === '' || phase === 'Succeeded' || phase === 'Failed') return 0;
  const grace = asked ?? numberAt(pod, 'spec', 'terminationGracePeriodSeconds') ?? DEFAULT_GRACE_SECONDS;
  return grace < 0 ? 1 : grace;
}

function checkPreconditions(definition: ResourceDefinition, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { name } = object.metadata;
  if (uid !== undefined && uid !== object.metadata.uid) {
    throw conflict(
      definition,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${object.metadata.uid}`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion) {
    throw conflict(
      definition,
      name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${object.metadata.resourceVersion}`,
    );
  }
}
