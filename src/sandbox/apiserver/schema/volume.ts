import {
  any,
  boolean,
  fields,
  int32,
  int64,
  list,
  listBy,
  map,
  quantity,
  type Schema,
  string,
  strings,
  struct,
} from './dsl.ts';
import { labelSelector, objectMeta } from './meta.ts';
import { OPAQUE_SOURCES } from './volume-sources.ts';

const CORE = 'io.k8s.api.core.v1';

export const localObjectReference = struct(`${CORE}.LocalObjectReference`, { name: string }, { atomic: true });
export const typedLocalObjectReference = struct(
  `${CORE}.TypedLocalObjectReference`,
  fields(string, 'apiGroup', 'kind', 'name', 'namespace'),
  { atomic: true },
);

const keyToPath = struct(`${CORE}.KeyToPath`, { ...fields(string, 'key', 'path'), mode: int32 });
const items = list(keyToPath);
export const objectFieldSelector = struct(`${CORE}.ObjectFieldSelector`, fields(string, 'apiVersion', 'fieldPath'), {
  atomic: true,
});
export const resourceFieldSelector = struct(
  `${CORE}.ResourceFieldSelector`,
  { ...fields(string, 'containerName', 'resource'), divisor: quantity },
  { atomic: true },
);
const downwardItems = list(
  struct(`${CORE}.DownwardAPIVolumeFile`, {
    path: string,
    fieldRef: objectFieldSelector,
    resourceFieldRef: resourceFieldSelector,
    mode: int32,
  }),
);

const source = (name: string, members: Record<string, Schema>) => struct(`${CORE}.${name}`, members);

const volumeProjection = source('VolumeProjection', {
  secret: source('SecretProjection', { name: string, items, optional: boolean }),
  configMap: source('ConfigMapProjection', { name: string, items, optional: boolean }),
  downwardAPI: source('DownwardAPIProjection', { items: downwardItems }),
  serviceAccountToken: source('ServiceAccountTokenProjection', {
    ...fields(string, 'audience', 'path'),
    expirationSeconds: int64,
  }),
  clusterTrustBundle: source('ClusterTrustBundleProjection', {
    ...fields(string, 'name', 'signerName', 'path'),
    labelSelector,
    optional: boolean,
  }),
});

export const resourceRequirements = struct(`${CORE}.ResourceRequirements`, {
  limits: map(quantity),
  requests: map(quantity),
  claims: listBy('name', struct(`${CORE}.ResourceClaim`, fields(string, 'name', 'request'))),
});

const claimSpec = source('PersistentVolumeClaimSpec', {
  accessModes: strings,
  selector: labelSelector,
  resources: resourceRequirements,
  ...fields(string, 'volumeName', 'storageClassName', 'volumeMode', 'volumeAttributesClassName'),
  dataSource: typedLocalObjectReference,
  dataSourceRef: typedLocalObjectReference,
});

export const volume = struct(
  `${CORE}.Volume`,
  {
    name: string,
    hostPath: source('HostPathVolumeSource', fields(string, 'path', 'type')),
    emptyDir: source('EmptyDirVolumeSource', { medium: string, sizeLimit: quantity }),
    secret: source('SecretVolumeSource', { secretName: string, items, defaultMode: int32, optional: boolean }),
    configMap: source('ConfigMapVolumeSource', { name: string, items, defaultMode: int32, optional: boolean }),
    downwardAPI: source('DownwardAPIVolumeSource', { items: downwardItems, defaultMode: int32 }),
    projected: source('ProjectedVolumeSource', { sources: list(volumeProjection), defaultMode: int32 }),
    nfs: source('NFSVolumeSource', { ...fields(string, 'server', 'path'), readOnly: boolean }),
    persistentVolumeClaim: source('PersistentVolumeClaimVolumeSource', { claimName: string, readOnly: boolean }),
    ephemeral: source('EphemeralVolumeSource', {
      volumeClaimTemplate: source('PersistentVolumeClaimTemplate', { metadata: objectMeta, spec: claimSpec }),
    }),
    ...fields(any, 'gitRepo', 'image', ...OPAQUE_SOURCES),
  },
  { required: ['name'], retainKeys: true },
);
