import { objectReference } from './core.ts';
import { any, boolean, fields, list, listBy, map, quantity, string, strings, struct, time } from './dsl.ts';
import { labelSelector, objectFields } from './meta.ts';
import { typedLocalObjectReference } from './volume.ts';
import { OPAQUE_SOURCES } from './volume-sources.ts';

const CORE = 'io.k8s.api.core.v1';
const STORAGE = 'io.k8s.api.storage.v1';

const claimResources = struct(`${CORE}.VolumeResourceRequirements`, fields(map(quantity), 'limits', 'requests'));

export const claimSpec = struct(`${CORE}.PersistentVolumeClaimSpec`, {
  accessModes: strings,
  selector: labelSelector,
  resources: claimResources,
  ...fields(string, 'volumeName', 'storageClassName', 'volumeMode', 'volumeAttributesClassName'),
  ...fields(typedLocalObjectReference, 'dataSource', 'dataSourceRef'),
});

export const persistentVolumeClaim = struct(`${CORE}.PersistentVolumeClaim`, {
  ...objectFields,
  spec: claimSpec,
  status: struct(`${CORE}.PersistentVolumeClaimStatus`, {
    phase: string,
    accessModes: strings,
    ...fields(map(quantity), 'capacity', 'allocatedResources'),
    allocatedResourceStatuses: map(),
    ...fields(string, 'currentVolumeAttributesClassName'),
    modifyVolumeStatus: any,
    conditions: listBy(
      'type',
      struct(`${CORE}.PersistentVolumeClaimCondition`, {
        ...fields(string, 'type', 'status', 'reason', 'message'),
        ...fields(time, 'lastProbeTime', 'lastTransitionTime'),
      }),
    ),
  }),
});

export const persistentVolume = struct(`${CORE}.PersistentVolume`, {
  ...objectFields,
  spec: struct(`${CORE}.PersistentVolumeSpec`, {
    capacity: map(quantity),
    ...fields(strings, 'accessModes', 'mountOptions'),
    claimRef: objectReference,
    ...fields(string, 'persistentVolumeReclaimPolicy', 'storageClassName', 'volumeMode', 'volumeAttributesClassName'),
    ...fields(any, 'nodeAffinity', 'hostPath', 'local', 'nfs', ...OPAQUE_SOURCES),
  }),
  status: struct(`${CORE}.PersistentVolumeStatus`, {
    ...fields(string, 'phase', 'message', 'reason'),
    lastPhaseTransitionTime: time,
  }),
});

export const storageClass = struct(
  `${STORAGE}.StorageClass`,
  {
    ...objectFields,
    ...fields(string, 'provisioner', 'reclaimPolicy', 'volumeBindingMode'),
    parameters: map(),
    mountOptions: strings,
    allowVolumeExpansion: boolean,
    allowedTopologies: list(any),
  },
  { required: ['provisioner'] },
);
