import { type FieldError, forbiddenField, notFoundField } from '../../../model/index.ts';
import { equal, isObject, type Json, type JsonObject, listAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';

const FIELD = 'spec.ephemeralContainers';
/** What is left out of an ephemeral container besides what no container but those of `containers` may have. */
const UNFIT = ['ports', 'resources', 'resizePolicy'];

/** What holds for the containers that are added to a pod. `old`: absent when the pod is made. */
export function validateEphemeralContainers(pod: KubeObject, old?: KubeObject): FieldError[] {
  const containers = listAt(pod, 'spec', 'ephemeralContainers');
  if (containers.length > 0 && old === undefined) return [forbiddenField(FIELD, 'cannot be set on create')];
  const others = ['containers', 'initContainers'].flatMap((list) => listAt(pod, 'spec', list));
  const names = new Set(others.map((container) => stringAt(container, 'name')));
  return containers.filter(isObject).flatMap((container, index) => validateOne(container, `${FIELD}[${index}]`, names));
}

function validateOne(container: JsonObject, field: string, others: ReadonlySet<string | undefined>): FieldError[] {
  const no = (path: string): FieldError =>
    forbiddenField(`${field}.${path}`, 'cannot be set for an Ephemeral Container');
  const errors = UNFIT.filter((key) => isGiven(container[key])).map(no);
  for (const [index, mount] of listAt(container, 'volumeMounts').entries()) {
    for (const key of ['subPath', 'subPathExpr']) {
      if ((stringAt(mount, key) ?? '') !== '') errors.push(no(`volumeMounts[${index}].${key}`));
    }
  }
  const target = stringAt(container, 'targetContainerName') ?? '';
  if (target !== '' && !others.has(target)) errors.push(notFoundField(`${field}.targetContainerName`, target));
  return errors;
}

function isGiven(value: Json | undefined): boolean {
  return Array.isArray(value) ? value.length > 0 : isObject(value) && Object.keys(value).length > 0;
}

/** Those that are there stay as they are. */
export function validateEphemeralContainersUpdate(next: KubeObject, old: KubeObject): FieldError[] {
  const now = new Map(listAt(next, 'spec', 'ephemeralContainers').map((c) => [stringAt(c, 'name'), c]));
  return listAt(old, 'spec', 'ephemeralContainers').flatMap((before) => {
    const name = stringAt(before, 'name') ?? '';
    const after = now.get(name);
    if (after !== undefined && equal(after, before)) return [];
    const what = after === undefined ? 'removed' : 'changed';
    return [forbiddenField(FIELD, `existing ephemeral containers ${JSON.stringify(name)} may not be ${what}`)];
  });
}
