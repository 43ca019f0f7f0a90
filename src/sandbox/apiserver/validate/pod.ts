import { isIP } from 'node:net';
import { type FieldError, forbiddenField, invalid } from '../../../model/index.ts';
import { at, clone, equal, type Json, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { validateEphemeralContainers } from './ephemeral-containers.ts';
import { validatePodSpec } from './pod-spec.ts';

export function validatePod(pod: KubeObject, old?: KubeObject): FieldError[] {
  return [...validatePodSpec(at(pod, 'spec'), 'spec'), ...validateEphemeralContainers(pod, old)];
}

const IMMUTABLE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** A pod's spec is fixed, but for images, a shorter deadline and further tolerations. */
export function validatePodUpdate(next: KubeObject, old: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    const [now, before] = [listAt(next, 'spec', list).length, listAt(old, 'spec', list).length];
    if (now !== before) {
      errors.push(forbiddenField(`spec.${list}`, 'pod updates may not add or remove containers'));
      return errors;
    }
  }
  const tolerations = listAt(next, 'spec', 'tolerations');
  for (const kept of listAt(old, 'spec', 'tolerations')) {
    if (tolerations.some((t) => equal(t, kept))) continue;
    errors.push(
      forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'),
    );
  }
  const deadline = numberAt(next, 'spec', 'activeDeadlineSeconds');
  const oldDeadline = numberAt(old, 'spec', 'activeDeadlineSeconds');
  if (oldDeadline !== undefined && (deadline === undefined || deadline > oldDeadline)) {
    errors.push(
      invalid('spec.activeDeadlineSeconds', deadline ?? null, 'must be less than or equal to previous value'),
    );
  }
  if (!equal(fixedPart(next), fixedPart(old))) errors.push(forbiddenField('spec', IMMUTABLE));
  return errors;
}

function fixedPart(pod: KubeObject): Json | undefined {
  const spec = clone(objectAt(pod, 'spec') ?? {});
  delete spec['activeDeadlineSeconds'];
  delete spec['tolerations'];
  delete spec['schedulingGates'];
  for (const list of ['containers', 'initContainers']) {
    for (const container of listAt(spec, list)) {
      const image = objectAt(container);
      if (image !== undefined) delete image['image'];
    }
  }
  return spec;
}

export function validatePodStatus(next: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, entry] of listAt(next, 'status', 'podIPs').entries()) {
    const ip = stringAt(entry, 'ip') ?? '';
    if (isIP(ip) === 0) {
      errors.push(
        invalid(`status.podIPs[${index}].ip`, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
      );
    }
  }
  return errors;
}
