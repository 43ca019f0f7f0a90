import { any, fields, int64, list, listBy, map, string, strings, struct, time } from './dsl.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';

export const ownerReference = struct(
  `${META}.OwnerReference`,
  {
    ...fields(string, 'apiVersion', 'kind', 'name', 'uid'),
    ...fields({ type: 'boolean' }, 'controller', 'blockOwnerDeletion'),
  },
  { required: ['apiVersion', 'kind', 'name', 'uid'], atomic: true },
);

export const objectMeta = struct(`${META}.ObjectMeta`, {
  ...fields(string, 'name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion'),
  generation: int64,
  creationTimestamp: time,
  deletionTimestamp: time,
  deletionGracePeriodSeconds: int64,
  labels: map(),
  annotations: map(),
  ownerReferences: listBy('uid', ownerReference),
  finalizers: list(string, { mergeKey: '', listType: 'set' }),
  managedFields: list(
    struct(`${META}.ManagedFieldsEntry`, {
      ...fields(string, 'manager', 'operation', 'apiVersion', 'fieldsType', 'subresource'),
      time,
      fieldsV1: any,
    }),
  ),
});

export const labelSelector = struct(
  `${META}.LabelSelector`,
  {
    matchLabels: map(),
    matchExpressions: list(
      struct(
        `${META}.LabelSelectorRequirement`,
        { ...fields(string, 'key', 'operator'), values: strings },
        { required: ['key', 'operator'] },
      ),
    ),
  },
  { atomic: true },
);

export const condition = struct(
  `${META}.Condition`,
  {
    ...fields(string, 'type', 'status', 'reason', 'message'),
    observedGeneration: int64,
    lastTransitionTime: time,
  },
  { required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'] },
);

/** The two fields and the metadata that every top-level object has, before its own. */
export const objectFields = { apiVersion: string, kind: string, metadata: objectMeta } as const;
