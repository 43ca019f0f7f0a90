import { z } from 'zod';
import {
  IDENTITY_CLUSTER_MAX,
  IDENTITY_CLUSTER_MIN,
  type IdentityObject,
  identityId,
  labelMap as mapOf,
  type Workload,
} from '../../model/index.ts';
import { labelMap, listOf, metadata } from './meta.ts';
import { defineResource, MEMBRANE_GROUP } from './resource.ts';

const port = z.object({ name: z.string(), protocol: z.enum(['TCP', 'UDP', 'SCTP']), port: z.int().min(1).max(65_535) });
const spec = z.object({
  cluster: z.string(),
  namespace: z.string().min(1),
  serviceAccount: z.string().min(1),
  labels: labelMap,
  namespaceLabels: labelMap,
  namedPorts: listOf(port),
});

/** A number has one way to be written. */
const name = z
  .string()
  .regex(/^[1-9]\d{2,4}$/)
  .refine(
    (text) => Number(text) >= IDENTITY_CLUSTER_MIN && Number(text) <= IDENTITY_CLUSTER_MAX,
    `must be a number from ${IDENTITY_CLUSTER_MIN} to ${IDENTITY_CLUSTER_MAX}`,
  );

const head = z.object({
  metadata: metadata.extend({ name, resourceVersion: z.string().default('') }),
  retiring: z.boolean().nullish(),
});
type Head = z.output<typeof head>;

const rowOf = ({ metadata: meta, retiring }: Head, workload: Workload | undefined): IdentityObject => ({
  uid: meta.uid,
  namespace: '',
  name: meta.name,
  id: identityId(Number(meta.name)),
  workload,
  retiring: retiring === true,
  resourceVersion: meta.resourceVersion,
});

const workloadOf = ({ labels, namespaceLabels, ...facts }: z.output<typeof spec>): Workload => ({
  ...facts,
  labels: mapOf(labels),
  namespaceLabels: mapOf(namespaceLabels),
});

export const IDENTITY = defineResource<IdentityObject>({
  kind: 'Identity',
  groupPath: `/apis/${MEMBRANE_GROUP}`,
  plural: 'identities',
  namespaced: false,
  unreadable: 'forget',
  schema: head.extend({ spec }).transform((object) => rowOf(object, workloadOf(object.spec))),
});

/** One whose spec says nothing to us has its number all the same. */
export function readIdentity(object: unknown): IdentityObject {
  const parsed = z.object({ spec }).safeParse(object);
  return rowOf(head.parse(object), parsed.success ? workloadOf(parsed.data.spec) : undefined);
}

export function identityObject(id: number, workload: Workload): object {
  const { labels, namespaceLabels, namedPorts, ...facts } = workload;
  return {
    apiVersion: MEMBRANE_GROUP,
    kind: IDENTITY.kind,
    metadata: { name: String(id) },
    spec: {
      ...facts,
      labels: Object.fromEntries(labels),
      namespaceLabels: Object.fromEntries(namespaceLabels),
      namedPorts,
    },
  };
}
