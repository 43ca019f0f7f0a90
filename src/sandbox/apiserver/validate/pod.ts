import { isIP } from 'node:net';
import {
  dnsLabelFaults,
  dnsSubdomainFaults,
  duplicate,
  envNameFaults,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  portNameFaults,
  portNumberFaults,
  required,
  validateLabels,
} from '../../../model/index.ts';
import { at, clone, equal, type Json, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';

const ONE_OF = {
  restartPolicy: ['Always', 'OnFailure', 'Never'],
  dnsPolicy: ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'],
  imagePullPolicy: ['Always', 'IfNotPresent', 'Never'],
  protocol: ['SCTP', 'TCP', 'UDP'],
  terminationMessagePolicy: ['FallbackToLogsOnError', 'File'],
} as const;

export function validatePod(pod: KubeObject): FieldError[] {
  const spec = at(pod, 'spec');
  if (objectAt(pod, 'spec') === undefined) return [required('spec.containers')];
  const errors = validateContainers(spec);
  errors.push(...oneOf(spec, 'restartPolicy', 'spec'), ...oneOf(spec, 'dnsPolicy', 'spec'));
  errors.push(...validateLabels(at(spec, 'nodeSelector'), 'spec.nodeSelector'));
  for (const key of ['hostname', 'subdomain'] as const) {
    const value = stringAt(spec, key) ?? '';
    if (value !== '') errors.push(...dnsLabelFaults(value).map((fault) => invalid(`spec.${key}`, value, fault)));
  }
  for (const key of ['nodeName', 'serviceAccountName'] as const) {
    const value = stringAt(spec, key) ?? '';
    if (value !== '') errors.push(...dnsSubdomainFaults(value).map((fault) => invalid(`spec.${key}`, value, fault)));
  }
  const grace = numberAt(spec, 'terminationGracePeriodSeconds');
  if (grace !== undefined && grace < 0) {
    errors.push(invalid('spec.terminationGracePeriodSeconds', grace, 'must be greater than or equal to 0'));
  }
  const deadline = numberAt(spec, 'activeDeadlineSeconds');
  if (deadline !== undefined && (deadline < 1 || deadline > 2 ** 31 - 1)) {
    errors.push(invalid('spec.activeDeadlineSeconds', deadline, 'must be between 1 and 2147483647, inclusive'));
  }
  errors.push(...validateHostNetwork(spec), ...validateVolumes(spec));
  return errors;
}

function oneOf(parent: Json | undefined, key: keyof typeof ONE_OF, field: string): FieldError[] {
  const value = stringAt(parent, key);
  const allowed: readonly string[] = ONE_OF[key];
  if (value === undefined || value === '') return [required(`${field}.${key}`)];
  return allowed.includes(value) ? [] : [notSupported(`${field}.${key}`, value, allowed)];
}

function validateContainers(spec: Json | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (listAt(spec, 'containers').length === 0) errors.push(required('spec.containers'));
  const names = new Set<string>();
  for (const list of ['initContainers', 'containers', 'ephemeralContainers']) {
    const hostPorts = new Set<string>();
    for (const [index, container] of listAt(spec, list).entries()) {
      const field = `spec.${list}[${index}]`;
      const name = stringAt(container, 'name') ?? '';
      if (name === '') errors.push(required(`${field}.name`));
      else errors.push(...dnsLabelFaults(name).map((fault) => invalid(`${field}.name`, name, fault)));
      if (name !== '' && names.has(name)) errors.push(duplicate(`${field}.name`, name));
      names.add(name);
      errors.push(...validateContainer(container, field), ...validatePorts(container, field, hostPorts));
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

function validateHostNetwork(spec: Json | undefined): FieldError[] {
  if (at(spec, 'hostNetwork') !== true) return [];
  const errors: FieldError[] = [];
  for (const [c, container] of listAt(spec, 'containers').entries()) {
    for (const [p, port] of listAt(container, 'ports').entries()) {
      const hostPort = numberAt(port, 'hostPort') ?? 0;
      if (hostPort === 0 || hostPort === numberAt(port, 'containerPort')) continue;
      errors.push(
        invalid(
          `spec.containers[${c}].ports[${p}].hostPort`,
          hostPort,
          'must match `containerPort` when `hostNetwork` is true',
        ),
      );
    }
  }
  return errors;
}

function validateVolumes(spec: Json | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, volume] of listAt(spec, 'volumes').entries()) {
    const name = stringAt(volume, 'name') ?? '';
    const field = `spec.volumes[${index}].name`;
    if (name === '') errors.push(required(field));
    else errors.push(...dnsLabelFaults(name).map((fault) => invalid(field, name, fault)));
    if (names.has(name)) errors.push(duplicate(field, name));
    names.add(name);
  }
  for (const list of ['initContainers', 'containers']) {
    for (const [c, container] of listAt(spec, list).entries()) {
      for (const [m, mount] of listAt(container, 'volumeMounts').entries()) {
        const name = stringAt(mount, 'name') ?? '';
        if (names.has(name)) continue;
        errors.push({
          type: 'FieldValueNotFound',
          field: `spec.${list}[${c}].volumeMounts[${m}].name`,
          value: name,
          detail: '',
        });
      }
    }
  }
  return errors;
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
