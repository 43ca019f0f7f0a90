import { type JsonObject, type KubeObject, listAt, objectAt, selectorHolds, stringAt } from '../../apiserver/index.ts';
import { LOCAL_DRIVER, quantity } from '../../client/index.ts';

/** In bytes; what is no quantity is nothing. */
function bytes(object: KubeObject, ...path: string[]): number {
  return quantity(stringAt(object, ...path) ?? '') ?? 0;
}

/** The volume is kept for this very claim, or for one of its name that is to come. */
export function isFor(volume: KubeObject, { metadata: { namespace, name, uid } }: KubeObject): boolean {
  const of = objectAt(volume, 'spec', 'claimRef');
  const wanted = stringAt(of, 'uid') ?? '';
  return stringAt(of, 'namespace') === namespace && stringAt(of, 'name') === name && (wanted === '' || wanted === uid);
}

function suits(volume: KubeObject, claim: KubeObject): boolean {
  const modes = listAt(volume, 'spec', 'accessModes');
  const selector = objectAt(claim, 'spec', 'selector');
  // It was chosen, or made, and nobody came to say so.
  if (stringAt(volume, 'spec', 'claimRef', 'uid') === claim.metadata.uid) return true;
  return (
    (objectAt(volume, 'spec', 'claimRef') === undefined
      ? (stringAt(volume, 'status', 'phase') ?? 'Available') === 'Available'
      : isFor(volume, claim)) &&
    volume.metadata.deletionTimestamp === undefined &&
    (stringAt(volume, 'spec', 'storageClassName') ?? '') === (stringAt(claim, 'spec', 'storageClassName') ?? '') &&
    stringAt(volume, 'spec', 'volumeMode') === stringAt(claim, 'spec', 'volumeMode') &&
    listAt(claim, 'spec', 'accessModes').every((mode) => modes.includes(mode)) &&
    bytes(volume, 'spec', 'capacity', 'storage') >= bytes(claim, 'spec', 'resources', 'requests', 'storage') &&
    (selector === undefined || selectorHolds(selector, volume.metadata.labels))
  );
}

/** Of the volumes that somebody made: the smallest that is enough, one that is kept for the claim before others. */
export function volumeFor(claim: KubeObject, volumes: readonly KubeObject[]): KubeObject | undefined {
  const rank = (volume: KubeObject): number => (isFor(volume, claim) ? 0 : 1);
  return volumes
    .filter((volume) => suits(volume, claim))
    .toSorted(
      (a, b) => rank(a) - rank(b) || bytes(a, 'spec', 'capacity', 'storage') - bytes(b, 'spec', 'capacity', 'storage'),
    )
    .at(0);
}

export function claimReference({ metadata: { namespace = '', name, uid = '' } }: KubeObject): JsonObject {
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid };
}

/** What is made for a claim of a class: a folder that all nodes of the sandbox have. */
export function dynamicVolume(claim: KubeObject, storageClass: KubeObject): JsonObject {
  const name = `pvc-${claim.metadata.uid ?? ''}`;
  return {
    metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': LOCAL_DRIVER } },
    spec: {
      capacity: { storage: stringAt(claim, 'spec', 'resources', 'requests', 'storage') ?? '0' },
      accessModes: structuredClone(listAt(claim, 'spec', 'accessModes')),
      volumeMode: 'Filesystem',
      claimRef: claimReference(claim),
      persistentVolumeReclaimPolicy: stringAt(storageClass, 'reclaimPolicy') ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      csi: { driver: LOCAL_DRIVER, volumeHandle: name },
    },
  };
}
