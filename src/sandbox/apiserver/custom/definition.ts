import { dnsSubdomainFaults } from '../../../model/index.ts';
import { at, isObject, type Json, type JsonObject, listAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';
import { age } from '../print/duration.ts';
import type { Column, Conversion, ResourceDefinition } from '../resource.ts';
import { decode } from '../schema/decode.ts';
import type { StructSchema } from '../schema/dsl.ts';
import { jsonPath } from './json-path.ts';
import { setSchemaDefaults, structuralShape } from './structural.ts';
import { validateBySchema } from './validation.ts';
import { comparePriority } from './version-priority.ts';

/** The version of a kind that is stored. */
export function storageVersion(crd: KubeObject): JsonObject | undefined {
  return listAt(crd, 'spec', 'versions')
    .filter(isObject)
    .find((version) => version['storage'] === true);
}

export type CustomKind = {
  /** In the version that is stored. */
  readonly stored: ResourceDefinition;
  /** In all that clients may ask for, the preferred first. */
  readonly served: readonly ResourceDefinition[];
};

/** The kind that a CustomResourceDefinition defines; `undefined` when it is not to be served. */
export function customKind(crd: KubeObject): CustomKind | undefined {
  const names = objectAt(crd, 'spec', 'names');
  const storage = storageVersion(crd);
  if (storage === undefined || names === undefined) return undefined;
  const versions = listAt(crd, 'spec', 'versions').filter(isObject);
  const made = new Map(versions.map((version) => [version, customDefinition(crd, version, names)]));
  const served = versions.filter((version) => version['served'] === true).flatMap((version) => made.get(version) ?? []);
  const stored = made.get(storage);
  if (stored === undefined || served.length === 0) return undefined;
  return { stored, served: served.toSorted((a, b) => comparePriority(a.version, b.version)) };
}

/** Nothing but the name of the version changes (strategy `None`); what the schema of the version does not know is cut off. */
function conversionOf(apiVersion: string, stored: string, shape: StructSchema, schema: Json | undefined): Conversion {
  return {
    fromStored: (object) => {
      const { kind } = object;
      const read = decode(shape, object, { version: apiVersion, kind: kind ?? '' }).object as KubeObject;
      setSchemaDefaults(read, schema);
      return { ...read, apiVersion };
    },
    toStored: (object) => ({ ...object, apiVersion: stored }),
  };
}

function customDefinition(crd: KubeObject, version: JsonObject, names: JsonObject): ResourceDefinition {
  const group = stringAt(crd, 'spec', 'group') ?? '';
  const name = stringAt(version, 'name') ?? '';
  const kind = stringAt(names, 'kind') ?? '';
  const schema = objectAt(version, 'schema', 'openAPIV3Schema');
  const reversed = group.split('.').toReversed().join('.');
  const replicas = replicasPaths(version);
  const selectorPath = stringAt(version, 'subresources', 'scale', 'labelSelectorPath');
  const selector = selectorPath === undefined ? undefined : jsonPath(selectorPath);
  const strings = (key: string): string[] => listAt(names, key).filter((item) => typeof item === 'string');
  const shape = structuralShape(`${reversed}.${name}.${kind}`, schema);
  const stored = `${group}/${stringAt(storageVersion(crd), 'name') ?? ''}`;
  const isOnly = listAt(crd, 'spec', 'versions').length === 1;
  return {
    group,
    version: name,
    resource: stringAt(names, 'plural') ?? '',
    custom: true,
    singular: stringAt(names, 'singular') ?? kind.toLowerCase(),
    kind,
    namespaced: stringAt(crd, 'spec', 'scope') === 'Namespaced',
    shortNames: strings('shortNames'),
    categories: strings('categories'),
    schema: shape,
    ...(schema && { publishedSchema: schema }),
    ...(isOnly ? {} : { conversion: conversionOf(`${group}/${name}`, stored, shape, schema) }),
    status: at(version, 'subresources', 'status') !== undefined,
    generation: true,
    ...(replicas && {
      replicasPaths: replicas,
      scaleSelector: (object: KubeObject) => textOf(selector?.(object)) ?? '',
    }),
    nameFaults: dnsSubdomainFaults,
    columns: columnsOf(version),
    setDefaults: (object) => setSchemaDefaults(object, schema),
    prepareCreate: (object) => {
      if (at(version, 'subresources', 'status') !== undefined) delete object['status'];
    },
    ...(schema === undefined
      ? {}
      : {
          validate: (object, old) => validateBySchema(object, withoutMetadata(schema), '', old),
          validateStatus: (next, old) => validateBySchema(next, withoutMetadata(schema), '', old),
        }),
    warnings: () => (version['deprecated'] === true ? [deprecation(version, group, kind)] : []),
  };
}

/** `.spec.deep.count` as its members; `undefined`: the kind has no `/scale`. */
function replicasPaths(version: JsonObject): ResourceDefinition['replicasPaths'] {
  const pathOf = (name: string) => stringAt(version, 'subresources', 'scale', name)?.split('.').slice(1);
  const [spec, status] = [pathOf('specReplicasPath'), pathOf('statusReplicasPath')];
  return spec === undefined || status === undefined ? undefined : { spec, status };
}

/** What metadata is, the server says for every kind. */
function withoutMetadata(schema: JsonObject): JsonObject {
  const { metadata: _, apiVersion: __, kind: ___, ...properties } = objectAt(schema, 'properties') ?? {};
  return { ...schema, properties };
}

function deprecation(version: JsonObject, group: string, kind: string): string {
  const name = stringAt(version, 'name') ?? '';
  return stringAt(version, 'deprecationWarning') ?? `${group}/${name} ${kind} is deprecated`;
}

function columnsOf(version: JsonObject): Column[] {
  const own = listAt(version, 'additionalPrinterColumns').filter(isObject);
  return own.length === 0 ? [nameColumn, ageColumn] : [nameColumn, ...own.map(columnOf)];
}

function columnOf(spec: JsonObject): Column {
  const read = jsonPath(stringAt(spec, 'jsonPath') ?? '');
  const isDate = stringAt(spec, 'type') === 'date';
  return column(
    stringAt(spec, 'name') ?? '',
    (object, now) => {
      const value = read?.(object);
      if (isDate) return typeof value === 'string' ? age(value, now) : '<unknown>';
      return isObject(value) || Array.isArray(value) ? JSON.stringify(value) : (value ?? null);
    },
    {
      priority: typeof spec['priority'] === 'number' && spec['priority'] > 0 ? 1 : 0,
      description: stringAt(spec, 'description') ?? '',
    },
  );
}

const textOf = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
