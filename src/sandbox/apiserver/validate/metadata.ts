import {
  dnsLabelFaults,
  type FieldError,
  forbiddenField,
  invalid,
  labelKeyFaults,
  required,
  tooLong,
  validateLabels,
} from '../../../model/index.ts';
import type { KubeObject } from '../object.ts';

const ANNOTATIONS_LIMIT = 256 * 1024;

export function validateMetadata(
  object: KubeObject,
  namespaced: boolean,
  nameFaults: (name: string) => string[],
): FieldError[] {
  const { metadata } = object;
  const errors: FieldError[] = [];
  if (metadata.generateName !== undefined && metadata.generateName !== '') {
    // The random end makes the name end well, whatever the prefix ends with.
    for (const fault of nameFaults(`${metadata.generateName}a`)) {
      errors.push(invalid('metadata.generateName', metadata.generateName, fault));
    }
  }
  if (metadata.name === undefined || metadata.name === '') {
    errors.push(required('metadata.name', 'name or generateName is required'));
  } else {
    for (const fault of nameFaults(metadata.name)) errors.push(invalid('metadata.name', metadata.name, fault));
  }
  if (namespaced) {
    for (const fault of dnsLabelFaults(metadata.namespace ?? '')) {
      errors.push(invalid('metadata.namespace', metadata.namespace ?? '', fault));
    }
  }
  errors.push(...validateLabels(metadata.labels, 'metadata.labels'));
  errors.push(...validateAnnotations(metadata.annotations));
  for (const [index, reference] of (metadata.ownerReferences ?? []).entries()) {
    const field = `metadata.ownerReferences[${index}]`;
    for (const key of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (!reference[key]) errors.push(invalid(`${field}.${key}`, reference[key] ?? '', `${key} must not be empty`));
    }
  }
  if ((metadata.ownerReferences ?? []).filter((reference) => reference['controller'] === true).length > 1) {
    errors.push(
      invalid(
        'metadata.ownerReferences',
        metadata.ownerReferences,
        'Only one reference can have Controller set to true.',
      ),
    );
  }
  for (const [index, finalizer] of (metadata.finalizers ?? []).entries()) {
    for (const fault of labelKeyFaults(finalizer))
      errors.push(invalid(`metadata.finalizers[${index}]`, finalizer, fault));
  }
  return errors;
}

export function validateMetadataUpdate(next: KubeObject, old: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of ['name', 'namespace', 'uid', 'creationTimestamp'] as const) {
    if (next.metadata[key] !== old.metadata[key]) {
      errors.push(invalid(`metadata.${key}`, next.metadata[key], 'field is immutable'));
    }
  }
  if (old.metadata.deletionTimestamp !== undefined) {
    for (const finalizer of next.metadata.finalizers ?? []) {
      if (old.metadata.finalizers?.includes(finalizer) === true) continue;
      errors.push(
        forbiddenField(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${JSON.stringify(finalizer)}}`,
        ),
      );
    }
  }
  return errors;
}

function validateAnnotations(annotations: Record<string, string> | undefined): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
    for (const fault of labelKeyFaults(key.toLowerCase())) errors.push(invalid('metadata.annotations', key, fault));
  }
  if (size > ANNOTATIONS_LIMIT) errors.push(tooLong('metadata.annotations', ANNOTATIONS_LIMIT));
  return errors;
}
