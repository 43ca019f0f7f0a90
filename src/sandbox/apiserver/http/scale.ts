import { invalid } from '../../../model/index.ts';
import { ensureObject, type Json, type JsonObject, numberAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { parseJsonBody } from '../parse.ts';
import { applyPatch, patchTypeOf } from '../patch/index.ts';
import type { ResourceDefinition } from '../resource.ts';
import { scale } from '../schema/autoscaling.ts';
import { decode } from '../schema/decode.ts';
import { internalError, methodNotAllowed, unsupportedMediaType } from '../status.ts';
import type { ApiStore } from '../store/api-store.ts';
import type { ObjectKey } from '../store/options.ts';
import { invalidObject } from '../validate/invalid-object.ts';
import type { Exchange } from './exchange.ts';
import { writeOptionsOf } from './writes.ts';

/** Answers `/scale`: how many pods a workload is to have and has, and a change of the first. */
export async function answerScale(
  exchange: Exchange,
  store: ApiStore,
  definition: ResourceDefinition,
  key: ObjectKey,
): Promise<JsonObject> {
  const { object } = store.require(definition, key);
  switch (exchange.method) {
    case 'GET':
    case 'HEAD':
      return scaleOf(definition, object);
    case 'PUT': {
      const { value } = await exchange.parsedBody();
      return setScale(exchange, store, definition, object, value);
    }
    case 'PATCH': {
      const type = patchTypeOf(exchange.contentType);
      if (type === 'apply') throw unsupportedMediaType('application/json-patch+json, application/merge-patch+json');
      const { value } = parseJsonBody(await exchange.body());
      // What is not there yet is what a patch may bring.
      const before = scaleOf(definition, object, specReplicas(definition, object) ?? 0);
      return setScale(exchange, store, definition, object, applyPatch(type, before, value, scale));
    }
    default:
      throw methodNotAllowed();
  }
}

const PATHS = { spec: ['spec', 'replicas'], status: ['status', 'replicas'] } as const;

function specReplicas({ replicasPaths = PATHS }: ResourceDefinition, object: KubeObject): number | undefined {
  return numberAt(object, ...replicasPaths.spec);
}

/** An object of a kind that others define may lack what the kind's own `specReplicasPath` names. */
function replicasOf(definition: ResourceDefinition, object: KubeObject): number {
  const replicas = specReplicas(definition, object);
  if (replicas === undefined && definition.replicasPaths !== undefined) {
    const path = definition.replicasPaths.spec.join('.');
    throw internalError(`the spec replicas field ".${path}" does not exist`);
  }
  return replicas ?? 0;
}

function scaleOf(
  definition: ResourceDefinition,
  object: KubeObject,
  replicas = replicasOf(definition, object),
): JsonObject {
  const { name, namespace = '', uid = '', resourceVersion = '', creationTimestamp = '' } = object.metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas },
    status: {
      replicas: numberAt(object, ...(definition.replicasPaths ?? PATHS).status) ?? 0,
      selector: definition.scaleSelector?.(object) ?? '',
    },
  };
}

function setScale(
  exchange: Exchange,
  store: ApiStore,
  definition: ResourceDefinition,
  object: KubeObject,
  asked: Json,
): JsonObject {
  const { object: wanted } = decode(scale, asked, { version: 'v1', kind: 'Scale' });
  const replicas = numberAt(wanted, 'spec', 'replicas') ?? 0;
  const { namespace, name } = object.metadata;
  if (replicas < 0) {
    throw invalidObject('Scale', 'autoscaling', name, [
      invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const next = structuredClone(object);
  const path = (definition.replicasPaths ?? PATHS).spec;
  const parent = path.slice(0, -1).reduce<JsonObject>((object, key) => ensureObject(object, key), next);
  parent[path.at(-1) ?? ''] = replicas;
  const metadata = wanted['metadata'] as Partial<KubeObject['metadata']> | undefined;
  next.metadata.uid = metadata?.uid ?? '';
  next.metadata.resourceVersion = metadata?.resourceVersion ?? '';
  const options = { ...writeOptionsOf(exchange, undefined), key: { namespace, name } };
  return scaleOf(definition, store.update(definition, next, options));
}
