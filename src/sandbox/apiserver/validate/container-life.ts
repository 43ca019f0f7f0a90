import { type FieldError, forbiddenField, invalid, notSupported, required } from '../../../model/index.ts';
import { type Json, numberAt, objectAt, stringAt } from '../json.ts';

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];
const NUMBERS = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'];
const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

/** Probes, hooks and restart policy of a container in the list of that name. */
export function validateContainerLife(container: Json, listName: string, field: string): FieldError[] {
  const policy = stringAt(container, 'restartPolicy');
  const errors: FieldError[] = [];
  if (listName === 'initContainers') {
    if (policy !== undefined && policy !== 'Always') {
      errors.push(notSupported(`${field}.restartPolicy`, policy, ['Always']));
    }
  } else if (policy !== undefined) {
    errors.push(forbiddenField(`${field}.restartPolicy`, 'may not be set for non-init containers'));
  }
  const mayLive = listName === 'containers' || (listName === 'initContainers' && policy === 'Always');
  const noun =
    listName === 'initContainers' ? 'must not be set for init containers' : 'cannot be set for an Ephemeral Container';
  for (const key of PROBES) {
    const probe = objectAt(container, key);
    if (probe === undefined) continue;
    if (mayLive) errors.push(...validateProbe(probe, key, `${field}.${key}`));
    else errors.push(forbiddenField(`${field}.${key}`, noun));
  }
  const lifecycle = objectAt(container, 'lifecycle');
  if (lifecycle === undefined) return errors;
  if (!mayLive) return [...errors, forbiddenField(`${field}.lifecycle`, noun)];
  for (const key of ['postStart', 'preStop']) {
    const hook = objectAt(lifecycle, key);
    if (hook !== undefined) errors.push(...validateHandler(hook, `${field}.lifecycle.${key}`));
  }
  return errors;
}

function validateProbe(probe: Json, key: (typeof PROBES)[number], field: string): FieldError[] {
  const errors = validateHandler(probe, field);
  for (const name of NUMBERS) {
    const value = numberAt(probe, name) ?? 0;
    if (value < 0) errors.push(invalid(`${field}.${name}`, value, 'must be greater than or equal to 0'));
  }
  const successes = numberAt(probe, 'successThreshold') ?? 1;
  if (key !== 'readinessProbe' && successes !== 1) {
    errors.push(invalid(`${field}.successThreshold`, successes, 'must be 1'));
  }
  const grace = numberAt(probe, 'terminationGracePeriodSeconds');
  if (grace === undefined) return errors;
  const at = `${field}.terminationGracePeriodSeconds`;
  if (key === 'readinessProbe') errors.push(invalid(at, grace, 'must not be set for readinessProbes'));
  else if (grace <= 0) errors.push(invalid(at, grace, 'must be greater than 0'));
  return errors;
}

function validateHandler(handler: Json, field: string): FieldError[] {
  const said = HANDLERS.filter((name) => objectAt(handler, name) !== undefined);
  const [first, second] = said;
  if (first === undefined) return [required(field, 'must specify a handler type')];
  if (second !== undefined) return [forbiddenField(`${field}.${second}`, 'may not specify more than 1 handler type')];
  return [];
}
