import { randomBytes, randomUUID } from 'node:crypto';
import { type FieldError } from '../../../model/index.ts';
import { clone, equal, type Json, type JsonObject } from '../json.ts';
import { type KubeObject, type ObjectMeta, timestamp } from '../object.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource.ts';
import { decode } from '../schema/decode.ts';
import { ApiError, badRequest, conflict, staleObject } from '../status.ts';
import { invalidObject } from '../validate/invalid-object.ts';
import { validateMetadata, validateMetadataUpdate } from '../validate/metadata.ts';
import type { WriteOptions } from './options.ts';

/** Consonants and digits: random names spell no words. */
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Reads a client's object as the definition's type; unknown members are refused, warned of or dropped, as asked. */
export function read(definition: ResourceDefinition, value: Json, options: WriteOptions): KubeObject {
  const { version } = definition;
  const mode = options.fieldValidation ?? 'Strict';
  const keepUnknown = definition.keepUnknown === true && mode === 'Ignore';
  const { object, unknown } = decode(definition.schema, value, { version, kind: definition.kind, keepUnknown });
  const faults = [
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
    ...(options.duplicates ?? []).map((path) => `duplicate field ${JSON.stringify(path)}`),
  ];
  if (faults.length > 0 && mode === 'Strict') {
    const what = `${definition.kind} in version ${JSON.stringify(definition.version)}`;
    throw badRequest(`${what} cannot be handled as a ${definition.kind}: strict decoding error: ${faults.join(', ')}`);
  }
  if (mode === 'Warn') for (const fault of faults) options.warn?.(fault);
  const expected = apiVersionOf(definition);
  const { apiVersion = expected, kind = definition.kind, ...rest } = object;
  if (apiVersion !== expected) {
    throw badRequest(
      `the API version in the data (${JSON.stringify(apiVersion)}) does not match the expected API version (${expected})`,
    );
  }
  if (kind !== definition.kind) {
    throw badRequest(
      `${definition.kind} in version "${definition.version}" cannot be handled: the kind in the data is ${JSON.stringify(kind)}`,
    );
  }
  const metadata = (object['metadata'] ?? {}) as ObjectMeta;
  return { kind: definition.kind, apiVersion: expected, ...rest, metadata };
}

/** The namespace of the request rules; an object that names another one is refused. */
export function setNamespace(definition: ResourceDefinition, object: KubeObject, namespace: string | undefined): void {
  if (!definition.namespaced) {
    delete object.metadata.namespace;
    return;
  }
  const own = object.metadata.namespace;
  if (own !== undefined && own !== '' && namespace !== undefined && own !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const effective = own || namespace;
  if (effective !== undefined) object.metadata.namespace = effective;
}

export function prepareCreate(definition: ResourceDefinition, object: KubeObject, now: number): KubeObject {
  const { metadata } = object;
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '') {
    throw new ApiError(500, 'InternalError', 'resourceVersion should not be set on objects to be created');
  }
  if ((metadata.name ?? '') === '' && (metadata.generateName ?? '') !== '') {
    metadata.name = `${(metadata.generateName ?? '').slice(0, 58)}${randomEnd()}`;
  }
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp(now);
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  delete metadata.generation;
  if (definition.generation === true) metadata.generation = 1;
  definition.prepareCreate?.(object);
  definition.setDefaults?.(object);
  return object;
}

/** Of names that are made up. */
export function randomEnd(): string {
  return [...randomBytes(5)].map((byte) => NAME_ALPHABET[byte % NAME_ALPHABET.length]).join('');
}

/** Keeps what a client may not change, and of its parts (status, everything else) those that are not written. */
export function prepareUpdate(
  definition: ResourceDefinition,
  next: KubeObject,
  old: KubeObject,
  subresource: string | undefined,
): KubeObject {
  checkVersion(definition, next, old);
  const { metadata } = next;
  copyMetadata(metadata, old.metadata, [
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
  ]);
  metadata.resourceVersion = old.metadata.resourceVersion ?? '';
  delete metadata.selfLink;
  if (metadata.managedFields === undefined) copyMetadata(metadata, old.metadata, ['managedFields']);
  if (metadata.generateName === undefined) copyMetadata(metadata, old.metadata, ['generateName']);
  if (subresource === 'status') {
    const status = next['status'];
    const kept: JsonObject = { ...clone(old as JsonObject), metadata };
    if (status === undefined) delete kept['status'];
    else kept['status'] = status;
    return kept as KubeObject;
  }
  const part = definition.parts?.[subresource ?? ''];
  if (part !== undefined) {
    const kept = part.take(next, clone(old as JsonObject) as KubeObject);
    definition.setDefaults?.(kept);
    return kept;
  }
  if (definition.status === true) {
    if (old['status'] === undefined) delete next['status'];
    else next['status'] = clone(old['status']);
  }
  definition.prepareUpdate?.(next, old);
  definition.setDefaults?.(next);
  const isOther = !equal(next['spec'], old['spec']) || definition.bumpsGeneration?.(next, old) === true;
  if (definition.generation === true && isOther) {
    metadata.generation = (old.metadata.generation ?? 0) + 1;
  }
  return next;
}

function copyMetadata(to: ObjectMeta, from: ObjectMeta, keys: (keyof ObjectMeta)[]): void {
  for (const key of keys) {
    if (from[key] === undefined) delete to[key];
    else Object.assign(to, { [key]: from[key] });
  }
}

function checkVersion(definition: ResourceDefinition, next: KubeObject, old: KubeObject): void {
  const { uid, resourceVersion } = next.metadata;
  const { name } = old.metadata;
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid) {
    throw conflict(
      definition,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== old.metadata.resourceVersion) {
    throw staleObject(definition, name);
  }
}

export function checkNew(definition: ResourceDefinition, object: KubeObject): void {
  refuse(definition, object, [
    ...validateMetadata(object, definition.namespaced, definition.nameFaults),
    ...(definition.validate?.(object) ?? []),
  ]);
}

export function checkChanged(
  definition: ResourceDefinition,
  next: KubeObject,
  old: KubeObject,
  subresource: string | undefined,
): void {
  const part = definition.parts?.[subresource ?? ''];
  const changes = part === undefined ? definition.validateUpdate?.(next, old) : part.validate(next, old);
  const own =
    subresource === 'status'
      ? (definition.validateStatus?.(next, old) ?? [])
      : [...(definition.validate?.(next, old) ?? []), ...(changes ?? [])];
  refuse(definition, next, [
    ...validateMetadataUpdate(next, old),
    ...validateMetadata(next, definition.namespaced, definition.nameFaults),
    ...own,
  ]);
}

function refuse(definition: ResourceDefinition, object: KubeObject, errors: FieldError[]): void {
  if (errors.length === 0) return;
  throw invalidObject(
    definition.kind,
    definition.group,
    object.metadata.name ?? object.metadata.generateName ?? '',
    errors,
  );
}
