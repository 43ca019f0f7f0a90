import { dnsSubdomainFaults, type FieldError, invalid, notSupported, required } from '../../../model/index.ts';
import { ruleFault } from '../custom/cel.ts';
import { jsonPath } from '../custom/json-path.ts';
import { ensureObject, isObject, type Json, type JsonObject, listAt, objectAt, setDefault, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { column, nameColumn } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { customResourceDefinition } from '../schema/apiextensions.ts';
import { clearStatus } from './workloads/pod-template.ts';

/** Kept until all objects of the kind are gone. */
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

const SCOPES = ['Cluster', 'Namespaced'];

function setDefaults(object: KubeObject): void {
  const names = ensureObject(ensureObject(object, 'spec'), 'names');
  const kind = stringAt(names, 'kind') ?? '';
  setDefault(names, 'singular', kind.toLowerCase());
  setDefault(names, 'listKind', `${kind}List`);
  const spec = ensureObject(object, 'spec');
  if (spec['conversion'] === undefined) spec['conversion'] = { strategy: 'None' };
}

function validate(object: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const group = stringAt(spec, 'group') ?? '';
  const plural = stringAt(spec, 'names', 'plural') ?? '';
  const scope = stringAt(spec, 'scope') ?? '';
  const versions = listAt(spec, 'versions').filter(isObject);
  const storages = versions.filter((version) => version['storage'] === true);
  const errors: FieldError[] = [];
  if (object.metadata.name !== `${plural}.${group}`) {
    errors.push(invalid('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (!group.includes('.')) {
    errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  }
  if ((stringAt(spec, 'names', 'kind') ?? '') === '') errors.push(required('spec.names.kind'));
  if (!SCOPES.includes(scope)) errors.push(notSupported('spec.scope', scope, SCOPES));
  if (storages.length !== 1) {
    errors.push(invalid('spec.versions', versions.length, 'must have exactly one version marked as storage version'));
  }
  if (stringAt(spec, 'conversion', 'strategy') === 'Webhook') {
    errors.push(invalid('spec.conversion.strategy', 'Webhook', 'not supported by the Membrane sandbox'));
  }
  return [...errors, ...versions.flatMap((version, index) => versionFaults(version, `spec.versions[${index}]`))];
}

function versionFaults(version: JsonObject, field: string): FieldError[] {
  const schema = objectAt(version, 'schema', 'openAPIV3Schema');
  const place = `${field}.schema.openAPIV3Schema`;
  if (schema === undefined) return [required(place, 'schemas are required')];
  const columns = listAt(version, 'additionalPrinterColumns').flatMap((spec, index) => {
    const path = stringAt(spec, 'jsonPath') ?? '';
    const at = `${field}.additionalPrinterColumns[${index}].jsonPath`;
    return jsonPath(path) === undefined ? [invalid(at, path, 'is not understood by the Membrane sandbox')] : [];
  });
  return [...schemaFaults(schema, place), ...columns];
}

/** A schema must be structural, its rules and patterns readable. */
function schemaFaults(schema: JsonObject, field: string): FieldError[] {
  const type = stringAt(schema, 'type') ?? '';
  const isFree =
    schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  const errors: FieldError[] =
    type === '' && !isFree ? [required(`${field}.type`, 'must not be empty for specified object fields')] : [];
  const pattern = stringAt(schema, 'pattern');
  if (pattern !== undefined && !isPattern(pattern)) {
    errors.push(invalid(`${field}.pattern`, pattern, 'must be a valid regular expression'));
  }
  for (const [index, entry] of listAt(schema, 'x-kubernetes-validations').entries()) {
    const rule = stringAt(entry, 'rule') ?? '';
    const why = ruleFault(rule);
    if (why !== undefined)
      errors.push(invalid(`${field}.x-kubernetes-validations[${index}].rule`, rule, `compilation failed: ${why}`));
  }
  const parts: [string, Json | undefined][] = [
    ...Object.entries(objectAt(schema, 'properties') ?? {}).map(([key, part]): [string, Json | undefined] => [
      `${field}.properties[${key}]`,
      part,
    ]),
    [`${field}.items`, schema['items']],
    [`${field}.additionalProperties`, schema['additionalProperties']],
  ];
  return [...errors, ...parts.flatMap(([path, part]) => (isObject(part) ? schemaFaults(part, path) : []))];
}

function isPattern(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u').source !== '';
  } catch {
    return false;
  }
}

export const customResourceDefinitions: ResourceDefinition = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  kind: 'CustomResourceDefinition',
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  schema: customResourceDefinition,
  status: true,
  generation: true,
  nameFaults: dnsSubdomainFaults,
  columns: [nameColumn, column('Created At', (object) => object.metadata.creationTimestamp ?? '')],
  setDefaults,
  prepareCreate: (object) => {
    clearStatus({ storedVersions: [] })(object);
    object.metadata.finalizers = [...new Set([...(object.metadata.finalizers ?? []), CLEANUP_FINALIZER])];
  },
  validate,
};
