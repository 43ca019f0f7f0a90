import type { Json, JsonObject } from '../json.ts';
import { timestamp } from '../object.ts';
import { deployment } from '../schema/apps.ts';
import { horizontalPodAutoscalerV1 } from '../schema/autoscaling.ts';
import { cronJob, job } from '../schema/batch.ts';
import { binding, configMap, namespace, secret, service, serviceAccount } from '../schema/core.ts';
import { shortName } from '../schema/decode.ts';
import type { Schema, StructSchema } from '../schema/dsl.ts';
import { deleteOptions, eviction } from '../schema/extensions.ts';
import { fieldNumbers } from '../schema/field-numbers.ts';
import { ingress } from '../schema/ingress.ts';
import { pod } from '../schema/pod.ts';
import { podDisruptionBudget, priorityClass, resourceQuota } from '../schema/policy.ts';
import { clusterRole, clusterRoleBinding, role, roleBinding } from '../schema/rbac.ts';
import { selfSubjectAccessReview, selfSubjectReview, selfSubjectRulesReview, tokenRequest } from '../schema/reviews.ts';
import { badRequest, unsupportedMediaType } from '../status.ts';

/** What precedes every object in this form. */
const MAGIC = Buffer.from('k8s\0');
const MAX_DEPTH = 32;

const KINDS = new Map<string, StructSchema>(
  [
    namespace,
    configMap,
    secret,
    service,
    serviceAccount,
    binding,
    eviction,
    selfSubjectAccessReview,
    selfSubjectRulesReview,
    selfSubjectReview,
    tokenRequest,
    role,
    clusterRole,
    roleBinding,
    clusterRoleBinding,
    podDisruptionBudget,
    priorityClass,
    resourceQuota,
    deleteOptions,
    deployment,
    job,
    cronJob,
    pod,
    ingress,
    horizontalPodAutoscalerV1,
  ].map((schema) => [shortName(schema), schema]),
);

/** Members of which Go knows "not given" from zero. Of all others, which it always writes, zero means the first. */
const ZERO_COUNTS = new Set([
  'allocateLoadBalancerNodePorts',
  'allowPrivilegeEscalation',
  'automountServiceAccountToken',
  'enableServiceLinks',
  'hostUsers',
  'runAsNonRoot',
  'runAsUser',
  'runAsGroup',
  'fsGroup',
  'replicas',
  'completions',
  'parallelism',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'successfulJobsHistoryLimit',
  'failedJobsHistoryLimit',
  'startingDeadlineSeconds',
  'revisionHistoryLimit',
  'terminationGracePeriodSeconds',
  'gracePeriodSeconds',
  'tolerationSeconds',
  'priority',
  'value',
  'mode',
  'defaultMode',
  'minAvailable',
  'maxUnavailable',
  'maxSurge',
]);

type Field = { readonly number: number; readonly value: number | Buffer };

/** Reads `application/vnd.kubernetes.protobuf` as the JSON object that it stands for. */
export function decodeProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw malformed('it does not begin with the Kubernetes prefix');
  const envelope = [...fields(body.subarray(MAGIC.length))];
  const type = [...fields(bytesOf(envelope, 1))];
  const kind = bytesOf(type, 2).toString();
  const schema = KINDS.get(kind);
  if (schema === undefined) throw unsupportedMediaType('application/json, application/yaml');
  return { apiVersion: bytesOf(type, 1).toString(), kind, ...message(schema, bytesOf(envelope, 2), 0) };
}

function malformed(why: string): Error {
  return badRequest(`the protocol buffer body cannot be read: ${why}`);
}

function bytesOf(all: readonly Field[], number: number): Buffer {
  const found = all.find((field) => field.number === number)?.value;
  return Buffer.isBuffer(found) ? found : Buffer.alloc(0);
}

function* fields(buffer: Buffer): Generator<Field> {
  let place = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = buffer[place++];
      if (byte === undefined || factor > 2 ** 63) throw malformed('a number has no end');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (place < buffer.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield { number, value: varint() };
        break;
      case 2: {
        const length = varint();
        if (length > buffer.length - place) throw malformed('a field is longer than the body');
        yield { number, value: buffer.subarray(place, place + length) };
        place += length;
        break;
      }
      default:
        throw malformed(`unexpected wire type ${tag % 8}`);
    }
  }
}

/** `type`: another one than the schema's, of a message whose members are the schema's own. */
function message(schema: StructSchema, buffer: Buffer, depth: number, type = typeName(schema)): JsonObject {
  if (depth > MAX_DEPTH) throw malformed('it is nested too deep');
  const names = fieldNumbers[type];
  const out: JsonObject = {};
  for (const { number, value } of fields(buffer)) {
    const name = names?.get(number);
    if (name?.startsWith('*') === true && typeof value !== 'number') {
      Object.assign(out, message(schema, value, depth + 1, `${type.slice(0, type.lastIndexOf('.'))}.${name.slice(1)}`));
      continue;
    }
    const field = name === undefined ? undefined : schema.fields[name];
    if (name === undefined || field === undefined) {
      // Of what is asked for nothing may be lost in silence. What the server writes itself may.
      const isGiven = typeof value === 'number' ? value !== 0 : value.length > 0;
      if (isGiven && isWanted(type, number))
        throw malformed(`field ${number} of a ${shortName(schema)} is read as JSON only`);
      continue;
    }
    const read = readField(field, value, depth, out[name], ZERO_COUNTS.has(name));
    if (read !== undefined) out[name] = read;
  }
  return out;
}

/** The last words: package, version, name. */
function typeName(schema: StructSchema): string {
  return schema.name.split('.').slice(-3).join('.');
}

function isWanted(type: string, number: number): boolean {
  if (type === 'meta.v1.ObjectMeta' || fieldNumbers[type] === undefined) return false;
  const isStatus = number <= 3 && fieldNumbers[type].get(1) === 'metadata';
  return !isStatus;
}

/** `zero`: whether zero is a value. */
function readField(
  schema: Schema,
  value: number | Buffer,
  depth: number,
  soFar: Json | undefined,
  zero = false,
): Json | undefined {
  if (typeof value === 'number') {
    if (schema.type === 'list') return [...(Array.isArray(soFar) ? soFar : []), value];
    if (schema.type === 'boolean') return value !== 0 || (zero ? false : undefined);
    // Negative numbers come as 64-bit two's complement.
    return value === 0 && !zero ? undefined : value >= 2 ** 63 ? value - 2 ** 64 : value;
  }
  switch (schema.type) {
    case 'struct':
      return message(schema, value, depth + 1);
    case 'list': {
      // An element is given, whatever it is: "" names the core group.
      const item =
        schema.items.type === 'string' ? value.toString() : readField(schema.items, value, depth + 1, undefined);
      return [...(Array.isArray(soFar) ? soFar : []), ...(item === undefined ? [] : [item])];
    }
    case 'map': {
      const entry = [...fields(value)];
      const key = bytesOf(entry, 1).toString();
      if (key === '__proto__') throw malformed('a key is named "__proto__"');
      const read = readField(schema.values, bytesOf(entry, 2), depth + 1, undefined);
      return { ...(soFar as JsonObject | undefined), [key]: read ?? '' };
    }
    case 'quantity':
      return bytesOf([...fields(value)], 1).toString() || undefined;
    case 'time':
    case 'microTime': {
      const seconds = [...fields(value)].find((field) => field.number === 1)?.value;
      return typeof seconds === 'number' ? timestamp(seconds * 1_000) : undefined;
    }
    case 'intOrString': {
      const parts = [...fields(value)];
      const text = bytesOf(parts, 3).toString();
      if (text !== '') return text;
      const number = parts.find((field) => field.number === 2)?.value;
      return typeof number === 'number' && (number !== 0 || zero) ? number : undefined;
    }
    case 'bytes':
      return value.toString('base64');
    default:
      return value.length === 0 ? undefined : value.toString();
  }
}
