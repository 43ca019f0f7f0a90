import { type FieldError, invalid, notSupported, required } from '../../../model/index.ts';
import { isObject, type Json, type JsonObject, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { parseJsonBody, parseYamlBody } from '../parse.ts';
import { patchTypeOf } from '../patch/index.ts';
import type { ResourceDefinition } from '../resource.ts';
import { badRequest, isApiError, unsupportedMediaType } from '../status.ts';
import type { ApiStore } from '../store/api-store.ts';
import type { DeleteOptions, FieldValidation, ObjectKey, PropagationPolicy, WriteOptions } from '../store/options.ts';
import type { Selection } from '../store/selection.ts';
import { invalidObject } from '../validate/invalid-object.ts';
import type { Exchange } from './exchange.ts';
import type { Lister } from './list.ts';
import { invalidOptions } from './list-options.ts';

const FIELD_VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'];

/** What the options of a request are called, by its method. */
const OPTIONS: Readonly<Record<string, string>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
};

export function writeOptionsOf(exchange: Exchange, subresource: string | undefined): WriteOptions {
  const { query } = exchange;
  // The default of the real server since 1.27.
  const fieldValidation = query.get('fieldValidation') || 'Warn';
  if (!FIELD_VALIDATIONS.includes(fieldValidation)) {
    const faults = [notSupported('fieldValidation', fieldValidation.slice(0, 64), FIELD_VALIDATIONS)];
    throw invalidOptions(optionsOf(exchange), faults);
  }
  return {
    dryRun: isDryRun(exchange, query.getAll('dryRun')),
    fieldManager: query.get('fieldManager') || defaultManager(exchange),
    fieldValidation: fieldValidation as FieldValidation,
    force: query.get('force') === 'true',
    warn: exchange.warn,
    admit: exchange.admit,
    subresource,
  };
}

/** The first word of the client's name, as the real server takes it. */
function defaultManager(exchange: Exchange): string {
  return (exchange.header('user-agent') ?? '').split('/')[0]?.slice(0, 128) || 'unknown';
}

function isDryRun(exchange: Exchange, values: readonly string[]): boolean {
  const given = values.filter((value) => value !== '');
  const unknown = given.find((value) => value !== 'All');
  if (unknown !== undefined) {
    throw invalidOptions(optionsOf(exchange), [notSupported('dryRun', unknown.slice(0, 64), ['All'])]);
  }
  return given.length > 0;
}

function optionsOf({ method }: Exchange): string {
  return OPTIONS[method] ?? 'ListOptions';
}

export async function createObject(
  exchange: Exchange,
  store: ApiStore,
  definition: ResourceDefinition,
  namespace: string | undefined,
): Promise<KubeObject> {
  const { value, duplicates } = await exchange.parsedBody();
  return store.create(definition, value, {
    ...writeOptionsOf(exchange, undefined),
    duplicates,
    namespace: definition.namespaced ? namespace : undefined,
  });
}

export async function updateObject(
  exchange: Exchange,
  store: ApiStore,
  definition: ResourceDefinition,
  key: ObjectKey,
  subresource: string | undefined,
): Promise<KubeObject> {
  const { value, duplicates } = await exchange.parsedBody();
  const name = stringAt(value, 'metadata', 'name') ?? '';
  if (name !== key.name) {
    throw badRequest(`the name of the object (${name.slice(0, 253)}) does not match the name on the URL (${key.name})`);
  }
  // Kinds that are built in may be replaced unseen, most of them.
  if (definition.custom === true && (stringAt(value, 'metadata', 'resourceVersion') ?? '') === '') {
    const faults = [invalid('metadata.resourceVersion', 0, 'must be specified for an update')];
    throw invalidObject(definition.kind, definition.group, key.name, faults);
  }
  return store.update(definition, value, { ...writeOptionsOf(exchange, subresource), duplicates, key });
}

export async function patchObject(
  exchange: Exchange,
  store: ApiStore,
  definition: ResourceDefinition,
  key: ObjectKey,
  subresource: string | undefined,
): Promise<{ object: KubeObject; created: boolean }> {
  const type = patchTypeOf(exchange.contentType);
  // It needs the Go type of the object.
  if (type === 'strategic' && definition.custom === true) {
    throw unsupportedMediaType(
      'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    );
  }
  const body = await exchange.body();
  const options = writeOptionsOf(exchange, subresource);
  if (type === 'apply') {
    if (exchange.query.get('fieldManager') === null) {
      const faults = [required('fieldManager', 'is required for apply patch')];
      throw invalidObject('PatchOptions', 'meta.k8s.io', '', faults);
    }
    const { value, duplicates } = parseYamlBody(body);
    return store.apply(definition, key, value, { ...options, duplicates });
  }
  const { value, duplicates } = parseJsonBody(body);
  return {
    object: store.patch(definition, key, { type, body: value }, { ...options, duplicates }),
    created: false,
  };
}

export async function deleteOptionsOf(exchange: Exchange): Promise<DeleteOptions> {
  const given: Json = exchange.hasBody ? (await exchange.parsedBody()).value : {};
  if (!isObject(given)) throw badRequest('DeleteOptions: the body is not an object');
  const { query } = exchange;
  const seconds = query.get('gracePeriodSeconds') ?? given['gracePeriodSeconds'];
  const preconditions = isObject(given['preconditions']) ? given['preconditions'] : {};
  const dryRun = Array.isArray(given['dryRun']) ? given['dryRun'].map(String) : [];
  const orphans = query.get('orphanDependents') ?? given['orphanDependents'];
  return {
    admit: exchange.admitDeletion,
    gracePeriodSeconds: seconds === undefined || seconds === null ? undefined : graceOf(seconds),
    dryRun: isDryRun(exchange, [...query.getAll('dryRun'), ...dryRun]),
    propagationPolicy: propagationOf(query.get('propagationPolicy') ?? given['propagationPolicy'], orphans),
    preconditions: {
      uid: stringAt(preconditions, 'uid'),
      resourceVersion: stringAt(preconditions, 'resourceVersion'),
    },
  };
}

const PROPAGATION_POLICIES: readonly PropagationPolicy[] = ['Background', 'Foreground', 'Orphan'];

/** `orphans`: the older way to say it. */
function propagationOf(policy: Json | undefined, orphans: Json | undefined): PropagationPolicy | undefined {
  const isSaid = (value: Json | undefined): boolean => value !== undefined && value !== null && value !== '';
  if (!isSaid(policy)) {
    if (!isSaid(orphans)) return undefined;
    return orphans === true || orphans === 'true' ? 'Orphan' : 'Background';
  }
  const shown = typeof policy === 'string' ? policy.slice(0, 64) : '';
  const refuse = (fault: FieldError): Error => invalidOptions('DeleteOptions', [fault]);
  if (isSaid(orphans)) {
    throw refuse(invalid('propagationPolicy', shown, 'orphanDependents and deletionPropagation cannot be both set'));
  }
  const found = PROPAGATION_POLICIES.find((name) => name === policy);
  if (found === undefined) throw refuse(notSupported('propagationPolicy', shown, [...PROPAGATION_POLICIES, 'nil']));
  return found;
}

function graceOf(value: Json): number {
  const seconds = Number(value);
  if (!Number.isSafeInteger(seconds)) throw badRequest('gracePeriodSeconds: Invalid value: must be an integer');
  return seconds;
}

/** The answer to a deletion: the object where the kind says so or while it is still there, otherwise a `Status`. */
export function deletionAnswer(definition: ResourceDefinition, object: KubeObject, gone: boolean): JsonObject {
  if (!gone || definition.returnsDeleted === true) return object;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: object.metadata.name,
      ...(definition.group === '' ? {} : { group: definition.group }),
      kind: definition.resource,
      uid: object.metadata.uid ?? '',
    },
  };
}

/** Deletes what a list with the same query would show; gives that list. */
export async function deleteCollection(
  exchange: Exchange,
  store: ApiStore,
  lister: Lister,
  selection: Selection,
): Promise<ReturnType<Lister['list']>> {
  const options = await deleteOptionsOf(exchange);
  const page = lister.list(selection, exchange.query);
  for (const { object } of page.items) {
    try {
      store.delete(selection.definition, object.metadata, { ...options, preconditions: undefined });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
  return page;
}
