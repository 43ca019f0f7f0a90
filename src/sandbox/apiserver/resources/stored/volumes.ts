import {
  dnsSubdomainFaults,
  type FieldError,
  forbiddenField,
  notSupported,
  required,
} from '../../../../model/index.ts';
import {
  at,
  ensureObject,
  equal,
  type JsonObject,
  listAt,
  objectAt,
  setDefault,
  stringAt,
  stringMapAt,
} from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { ageColumn, column, fieldColumn, nameColumn } from '../../print/columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { persistentVolume, persistentVolumeClaim, storageClass } from '../../schema/storage.ts';
import { clearStatus } from '../workloads/pod-template.ts';

const ACCESS_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
/** Sources of volumes that a pod gets, and provisioners who do as they say. */
const SERVED = ['hostPath', 'local', 'csi'];
const OWN = ['local.sandbox.membrane.io', 'kubernetes.io/no-provisioner'];
const VOLUME_MODES = ['Block', 'Filesystem'];
/** Annotation of the class that claims get which name none. */
export const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';

const modesColumn = column('Access Modes', (object) =>
  listAt(object, ...(object.kind === 'PersistentVolume' ? ['spec'] : ['status']), 'accessModes')
    .map((mode) => (typeof mode === 'string' ? (ACCESS_MODES[mode] ?? mode) : ''))
    .join(','),
);

function validateModes(object: JsonObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const modes = listAt(spec, 'accessModes').map(String);
  const mode = stringAt(spec, 'volumeMode') ?? '';
  return [
    ...(modes.length === 0 ? [required('spec.accessModes', 'at least 1 access mode is required')] : []),
    ...modes
      .filter((name) => ACCESS_MODES[name] === undefined)
      .map((name) => notSupported('spec.accessModes', name, Object.keys(ACCESS_MODES).toSorted())),
    ...(VOLUME_MODES.includes(mode) ? [] : [notSupported('spec.volumeMode', mode, VOLUME_MODES)]),
  ];
}

/** Of a claim, and of what a stateful set makes claims of. */
export function validateClaim(object: JsonObject): FieldError[] {
  const hasSize = at(object, 'spec', 'resources', 'requests', 'storage') !== undefined;
  return [...validateModes(object), ...(hasSize ? [] : [required('spec.resources[storage]')])];
}

export function setClaimDefaults(object: JsonObject): void {
  setDefault(ensureObject(object, 'spec'), 'volumeMode', 'Filesystem');
}

function validateClaimUpdate(next: KubeObject, old: KubeObject): FieldError[] {
  const kept = (object: KubeObject) => ({
    ...objectAt(object, 'spec'),
    // One that named no class may get the usual one afterwards, as from the API server of Kubernetes 1.28.
    ...(at(old, 'spec', 'storageClassName') === undefined ? { storageClassName: null } : {}),
    resources: null,
    volumeName: null,
    volumeAttributesClassName: null,
  });
  if (equal(kept(next), kept(old))) return [];
  const why =
    'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
  return [forbiddenField('spec', why)];
}

export const persistentVolumeClaims: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'persistentvolumeclaims',
  singular: 'persistentvolumeclaim',
  kind: 'PersistentVolumeClaim',
  namespaced: true,
  shortNames: ['pvc'],
  schema: persistentVolumeClaim,
  status: true,
  returnsDeleted: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    fieldColumn('Status', ['status', 'phase'], ''),
    fieldColumn('Volume', ['spec', 'volumeName'], ''),
    fieldColumn('Capacity', ['status', 'capacity', 'storage'], ''),
    modesColumn,
    fieldColumn('StorageClass', ['spec', 'storageClassName'], ''),
    fieldColumn('VolumeAttributesClass', ['spec', 'volumeAttributesClassName'], '<unset>'),
    ageColumn,
    fieldColumn('VolumeMode', ['spec', 'volumeMode'], '<unset>', 1),
  ],
  setDefaults: setClaimDefaults,
  prepareCreate: clearStatus({ phase: 'Pending' }),
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
};

export const persistentVolumes: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'persistentvolumes',
  singular: 'persistentvolume',
  kind: 'PersistentVolume',
  namespaced: false,
  shortNames: ['pv'],
  schema: persistentVolume,
  status: true,
  returnsDeleted: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    fieldColumn('Capacity', ['spec', 'capacity', 'storage'], ''),
    modesColumn,
    fieldColumn('Reclaim Policy', ['spec', 'persistentVolumeReclaimPolicy'], ''),
    fieldColumn('Status', ['status', 'phase'], ''),
    column('Claim', (object) => {
      const claim = objectAt(object, 'spec', 'claimRef');
      return claim === undefined ? '' : `${stringAt(claim, 'namespace') ?? ''}/${stringAt(claim, 'name') ?? ''}`;
    }),
    fieldColumn('StorageClass', ['spec', 'storageClassName'], ''),
    fieldColumn('VolumeAttributesClass', ['spec', 'volumeAttributesClassName'], '<unset>'),
    fieldColumn('Reason', ['status', 'reason'], ''),
    ageColumn,
    fieldColumn('VolumeMode', ['spec', 'volumeMode'], '<unset>', 1),
  ],
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    setDefault(spec, 'volumeMode', 'Filesystem');
    setDefault(spec, 'persistentVolumeReclaimPolicy', 'Retain');
  },
  prepareCreate: clearStatus({ phase: 'Available' }),
  validate: (object) => [
    ...validateModes(object),
    ...(at(object, 'spec', 'capacity', 'storage') === undefined ? [required('spec.capacity')] : []),
  ],
  warnings: (object) =>
    SERVED.some((kind) => at(object, 'spec', kind) !== undefined)
      ? []
      : ['the sandbox serves only persistent volumes of the kinds hostPath, local and its own'],
};

export const isDefaultClass = (object: KubeObject): boolean =>
  stringMapAt(object, 'metadata', 'annotations')[DEFAULT_CLASS] === 'true';

export const storageClasses: ResourceDefinition = {
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'storageclasses',
  singular: 'storageclass',
  kind: 'StorageClass',
  namespaced: false,
  shortNames: ['sc'],
  schema: storageClass,
  returnsDeleted: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    column('Name', (object) => `${object.metadata.name}${isDefaultClass(object) ? ' (default)' : ''}`),
    fieldColumn('Provisioner', ['provisioner']),
    fieldColumn('ReclaimPolicy', ['reclaimPolicy']),
    fieldColumn('VolumeBindingMode', ['volumeBindingMode']),
    column('AllowVolumeExpansion', (object) => object['allowVolumeExpansion'] === true, { type: 'boolean' }),
    ageColumn,
  ],
  setDefaults: (object) => {
    setDefault(object, 'reclaimPolicy', 'Delete');
    setDefault(object, 'volumeBindingMode', 'Immediate');
  },
  validate: (object) => {
    const mode = stringAt(object, 'volumeBindingMode') ?? '';
    const modes = ['Immediate', 'WaitForFirstConsumer'];
    return [
      ...((stringAt(object, 'provisioner') ?? '') === '' ? [required('provisioner')] : []),
      ...(modes.includes(mode) ? [] : [notSupported('volumeBindingMode', mode, modes)]),
    ];
  },
  warnings: (object) => {
    const provisioner = stringAt(object, 'provisioner') ?? '';
    if (OWN.includes(provisioner)) return [];
    return [`the sandbox makes folders of its own for claims of this class, whatever ${provisioner} would make`];
  },
};
