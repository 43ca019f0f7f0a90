import {
  dnsLabelFaults,
  dnsSubdomainFaults,
  duplicate,
  envNameFaults,
  type FieldError,
  invalid,
  notSupported,
  portNameFaults,
  portNumberFaults,
  required,
  validateLabels,
} from '../../../model/index.ts';
import { at, type Json, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import { validateContainerLife } from './container-life.ts';
import { validateVolumes } from './volumes.ts';

const ONE_OF = {
  restartPolicy: ['Always', 'OnFailure', 'Never'],
  dnsPolicy: ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'],
  imagePullPolicy: ['Always', 'IfNotPresent', 'Never'],
  protocol: ['SCTP', 'TCP', 'UDP'],
  terminationMessagePolicy: ['FallbackToLogsOnError', 'File'],
} as const;

/** Of a pod or of a template of pods; `field` is its path in the object. */
export function validatePodSpec(spec: Json | undefined, field: string): FieldError[] {
  if (objectAt(spec) === undefined) return [required(`${field}.containers`)];
  const errors = validateContainers(spec, field);
  errors.push(...oneOf(spec, 'restartPolicy', field), ...oneOf(spec, 'dnsPolicy', field));
  errors.push(...validateLabels(at(spec, 'nodeSelector'), `${field}.nodeSelector`));
  for (const key of ['hostname', 'subdomain'] as const) {
    const value = stringAt(spec, key) ?? '';
    if (value !== '') errors.push(...dnsLabelFaults(value).map((fault) => invalid(`${field}.${key}`, value, fault)));
  }
  for (const key of ['nodeName', 'serviceAccountName'] as const) {
    const value = stringAt(spec, key) ?? '';
    if (value !== '')
      errors.push(...dnsSubdomainFaults(value).map((fault) => invalid(`${field}.${key}`, value, fault)));
  }
  const grace = numberAt(spec, 'terminationGracePeriodSeconds');
  if (grace !== undefined && grace < 0) {
    errors.push(invalid(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than or equal to 0'));
  }
  const deadline = numberAt(spec, 'activeDeadlineSeconds');
  if (deadline !== undefined && (deadline < 1 || deadline > 2 ** 31 - 1)) {
    errors.push(invalid(`${field}.activeDeadlineSeconds`, deadline, 'must be between 1 and 2147483647, inclusive'));
  }
  errors.push(...validateHostNetwork(spec, field), ...validateVolumes(spec, field));
  return errors;
}

function oneOf(parent: Json | undefined, key: keyof typeof ONE_OF, field: string): FieldError[] {
  const value = stringAt(parent, key);
  const allowed: readonly string[] = ONE_OF[key];
  if (value === undefined || value === '') return [required(`${field}.${key}`)];
  return allowed.includes(value) ? [] : [notSupported(`${field}.${key}`, value, allowed)];
}

function validateContainers(spec: Json | undefined, parent: string): FieldError[] {
  const errors: FieldError[] = [];
  if (listAt(spec, 'containers').length === 0) errors.push(required(`${parent}.containers`));
  const names = new Set<string>();
  for (const list of ['initContainers', 'containers', 'ephemeralContainers']) {
    const hostPorts = new Set<string>();
    for (const [index, container] of listAt(spec, list).entries()) {
      const field = `${parent}.${list}[${index}]`;
      const name = stringAt(container, 'name') ?? '';
      if (name === '') errors.push(required(`${field}.name`));
      else errors.push(...dnsLabelFaults(name).map((fault) => invalid(`${field}.name`, name, fault)));
      if (name !== '' && names.has(name)) errors.push(duplicate(`${field}.name`, name));
      names.add(name);
      errors.push(...validateContainer(container, field), ...validatePorts(container, field, hostPorts));
      errors.push(...validateContainerLife(container, list, field));
    }
  }
  return errors;
}

function validateContainer(container: Json, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const image = stringAt(container, 'image') ?? '';
  if (image === '') errors.push(required(`${field}.image`));
  else if (image.trim() !== image) {
    errors.push(invalid(`${field}.image`, image, 'must not have leading or trailing whitespace'));
  }
  errors.push(...oneOf(container, 'imagePullPolicy', field));
  errors.push(...oneOf(container, 'terminationMessagePolicy', field));
  for (const [index, env] of listAt(container, 'env').entries()) {
    const name = stringAt(env, 'name') ?? '';
    if (name === '') errors.push(required(`${field}.env[${index}].name`));
    else errors.push(...envNameFaults(name).map((fault) => invalid(`${field}.env[${index}].name`, name, fault)));
    if (objectAt(env, 'valueFrom') !== undefined && (stringAt(env, 'value') ?? '') !== '') {
      errors.push(invalid(`${field}.env[${index}].valueFrom`, '', 'may not be specified when `value` is not empty'));
    }
  }
  const mounts = new Set<string>();
  for (const [index, mount] of listAt(container, 'volumeMounts').entries()) {
    const path = stringAt(mount, 'mountPath') ?? '';
    if (path === '') errors.push(required(`${field}.volumeMounts[${index}].mountPath`));
    if (mounts.has(path)) {
      errors.push(invalid(`${field}.volumeMounts[${index}].mountPath`, path, 'must be unique'));
    }
    mounts.add(path);
  }
  return errors;
}

function validatePorts(container: Json, parent: string, hostPorts: Set<string>): FieldError[] {
  const errors: FieldError[] = [];
  const ownNames = new Set<string>();
  for (const [index, port] of listAt(container, 'ports').entries()) {
    const field = `${parent}.ports[${index}]`;
    const name = stringAt(port, 'name') ?? '';
    const number = numberAt(port, 'containerPort') ?? 0;
    const hostPort = numberAt(port, 'hostPort') ?? 0;
    if (name !== '') {
      const faults = portNameFaults(name);
      errors.push(...faults.map((fault) => invalid(`${field}.name`, name, fault)));
      if (faults.length === 0 && ownNames.has(name)) errors.push(duplicate(`${field}.name`, name));
      ownNames.add(name);
    }
    if (number === 0) errors.push(required(`${field}.containerPort`));
    else errors.push(...portNumberFaults(number).map((fault) => invalid(`${field}.containerPort`, number, fault)));
    if (hostPort !== 0) {
      errors.push(...portNumberFaults(hostPort).map((fault) => invalid(`${field}.hostPort`, hostPort, fault)));
      const key = `${stringAt(port, 'protocol')}/${stringAt(port, 'hostIP') ?? ''}/${hostPort}`;
      if (hostPorts.has(key)) errors.push(duplicate(`${field}.hostPort`, key));
      hostPorts.add(key);
    }
    errors.push(...oneOf(port, 'protocol', field));
  }
  return errors;
}

function validateHostNetwork(spec: Json | undefined, parent: string): FieldError[] {
  if (at(spec, 'hostNetwork') !== true) return [];
  const errors: FieldError[] = [];
  for (const [c, container] of listAt(spec, 'containers').entries()) {
    for (const [p, port] of listAt(container, 'ports').entries()) {
      const hostPort = numberAt(port, 'hostPort') ?? 0;
      if (hostPort === 0 || hostPort === numberAt(port, 'containerPort')) continue;
      errors.push(
        invalid(
          `${parent}.containers[${c}].ports[${p}].hostPort`,
          hostPort,
          'must match `containerPort` when `hostNetwork` is true',
        ),
      );
    }
  }
  return errors;
}
