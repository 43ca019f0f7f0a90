import {
  dnsLabelFaults,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notFoundField,
  required,
} from '../../../model/index.ts';
import { at, isObject, type Json, listAt, numberAt, objectAt, stringAt } from '../json.ts';

const MODES = 'must be a number between 0 and 0777 (octal), both inclusive';
const PROJECTED = ['secret', 'configMap', 'downwardAPI', 'serviceAccountToken', 'clusterTrustBundle'];

/** Volumes and their mounts; `parent` is the path of the pod's spec. */
export function validateVolumes(spec: Json | undefined, parent: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, volume] of listAt(spec, 'volumes').entries()) {
    const name = stringAt(volume, 'name') ?? '';
    const field = `${parent}.volumes[${index}]`;
    if (name === '') errors.push(required(`${field}.name`));
    else errors.push(...dnsLabelFaults(name).map((fault) => invalid(`${field}.name`, name, fault)));
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
    errors.push(...validateSource(volume, field));
  }
  for (const list of ['initContainers', 'containers', 'ephemeralContainers']) {
    for (const [c, container] of listAt(spec, list).entries()) {
      for (const [m, mount] of listAt(container, 'volumeMounts').entries()) {
        errors.push(...validateMount(mount, `${parent}.${list}[${c}].volumeMounts[${m}]`, names));
      }
    }
  }
  return errors;
}

function validateMount(mount: Json, field: string, volumes: ReadonlySet<string>): FieldError[] {
  const name = stringAt(mount, 'name') ?? '';
  const errors: FieldError[] = [];
  if (!volumes.has(name)) errors.push(notFoundField(`${field}.name`, name));
  for (const key of ['subPath', 'subPathExpr'] as const)
    errors.push(...insideFaults(stringAt(mount, key), `${field}.${key}`));
  if ((stringAt(mount, 'subPath') ?? '') !== '' && (stringAt(mount, 'subPathExpr') ?? '') !== '') {
    errors.push(
      invalid(
        `${field}.subPathExpr`,
        stringAt(mount, 'subPathExpr') ?? '',
        'subPathExpr and subPath are mutually exclusive',
      ),
    );
  }
  return errors;
}

function validateSource(volume: Json, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const [first, ...more] = isObject(volume)
    ? Object.keys(volume).filter((key) => key !== 'name' && isObject(volume[key]))
    : [];
  for (const key of more) {
    errors.push(forbiddenField(`${field}.${key}`, 'may not specify more than 1 volume type'));
  }
  const source = first === undefined ? undefined : objectAt(volume, first);
  if (source === undefined) return errors;
  const path = `${field}.${first}`;
  errors.push(...modeFaults(source, 'defaultMode', path));
  if (first === 'configMap' && (stringAt(source, 'name') ?? '') === '') errors.push(required(`${path}.name`));
  if (first === 'secret' && (stringAt(source, 'secretName') ?? '') === '') errors.push(required(`${path}.secretName`));
  if (first === 'persistentVolumeClaim' && (stringAt(source, 'claimName') ?? '') === '')
    errors.push(required(`${path}.claimName`));
  if (first === 'hostPath') {
    const host = stringAt(source, 'path') ?? '';
    if (host === '') errors.push(required(`${path}.path`));
    else if (host.split('/').includes('..')) errors.push(invalid(`${path}.path`, host, "must not contain '..'"));
  }
  errors.push(...validateItems(source, path));
  for (const [index, projection] of listAt(source, 'sources').entries()) {
    for (const key of PROJECTED) {
      const one = objectAt(projection, key);
      if (one === undefined) continue;
      const where = `${path}.sources[${index}].${key}`;
      errors.push(...validateItems(one, where));
      if (key === 'serviceAccountToken') errors.push(...fileFaults(one, where));
    }
  }
  return errors;
}

function validateItems(source: Json, field: string): FieldError[] {
  return listAt(source, 'items').flatMap((item, index) => {
    const where = `${field}.items[${index}]`;
    const isKeyed = at(item, 'fieldRef') === undefined && at(item, 'resourceFieldRef') === undefined;
    const key = isKeyed && !field.endsWith('downwardAPI') && (stringAt(item, 'key') ?? '') === '';
    return [...(key ? [required(`${where}.key`)] : []), ...fileFaults(item, where), ...modeFaults(item, 'mode', where)];
  });
}

/** Of a file in a volume. */
function fileFaults(item: Json, field: string): FieldError[] {
  const path = stringAt(item, 'path') ?? '';
  if (path === '') return [required(`${field}.path`)];
  const errors = insideFaults(path, `${field}.path`);
  if (errors.length === 0 && path.startsWith('..'))
    errors.push(invalid(`${field}.path`, path, "must not start with '..'"));
  return errors;
}

function insideFaults(path: string | undefined, field: string): FieldError[] {
  if (path === undefined || path === '') return [];
  if (path.startsWith('/')) return [invalid(field, path, 'must be a relative path')];
  return path.split('/').includes('..') ? [invalid(field, path, "must not contain '..'")] : [];
}

function modeFaults(source: Json, key: string, field: string): FieldError[] {
  const mode = numberAt(source, key);
  return mode === undefined || (mode >= 0 && mode <= 0o777) ? [] : [invalid(`${field}.${key}`, mode, MODES)];
}
