import { type NamespacedName, namespacedName } from '../../../base/index.ts';
import { type ApiStore, isDefaultClass, type KubeObject, listAt, objectAt, stringAt } from '../../apiserver/index.ts';
import type { EventRecorder } from '../../client/index.ts';
import { type ControllerContext, recorderFor } from '../kit/context.ts';
import { Controller } from '../kit/controller.ts';
import { isFinished } from '../kit/pods.ts';
import { writeStatus } from '../kit/status.ts';
import { claimReference, dynamicVolume, isFor, volumeFor } from './binding.ts';

const NAME = 'persistentvolume-controller';
/** While a pod has it, a claim that is deleted stays. */
const PROTECTION = 'kubernetes.io/pvc-protection';

/** Binds claims to volumes that somebody made, or makes one by the claim's class. */
export function claimController(context: ControllerContext): Controller {
  const { store } = context;
  const events = recorderFor(context, NAME);
  const all = (): NamespacedName[] =>
    store.list('persistentvolumeclaims').items.map(({ metadata }) => namespacedName(metadata));
  return new Controller(context, {
    name: NAME,
    watches: [
      { resource: 'persistentvolumeclaims', concerns: ({ metadata }) => [namespacedName(metadata)] },
      {
        resource: 'persistentvolumes',
        // One that is free may be what any of them waits for.
        concerns: (volume) => {
          const of = objectAt(volume, 'spec', 'claimRef');
          if (of === undefined) return all();
          return [namespacedName({ namespace: stringAt(of, 'namespace'), name: stringAt(of, 'name') ?? '' })];
        },
      },
      { resource: 'storageclasses', concerns: all },
      { resource: 'pods', concerns: (pod) => claimsOf(pod).map((name) => namespacedName({ ...pod.metadata, name })) },
    ],
    sync: (key) => {
      const claim = store.get('persistentvolumeclaims', key);
      if (claim !== undefined) bringOn(store, events, claim);
      return undefined;
    },
  });
}

function claimsOf(pod: KubeObject): string[] {
  return listAt(pod, 'spec', 'volumes').flatMap(
    (volume) => stringAt(volume, 'persistentVolumeClaim', 'claimName') ?? [],
  );
}

function bringOn(store: ApiStore, events: EventRecorder, claim: KubeObject): void {
  const { namespace, name, deletionTimestamp, finalizers = [] } = claim.metadata;
  if (deletionTimestamp !== undefined) {
    const isUsed = store
      .list('pods', { namespace })
      .items.some((pod) => !isFinished(pod) && claimsOf(pod).includes(name));
    if (!isUsed && finalizers.includes(PROTECTION)) store.update('persistentvolumeclaims', unprotected(claim));
    return;
  }
  if (!finalizers.includes(PROTECTION)) {
    const next = structuredClone(claim);
    next.metadata.finalizers = [...finalizers, PROTECTION];
    store.update('persistentvolumeclaims', next);
    return;
  }
  const volumeName = stringAt(claim, 'spec', 'volumeName') ?? '';
  if (volumeName !== '') followVolume(store, claim, volumeName);
  else findVolume(store, events, claim);
}

function unprotected(claim: KubeObject): KubeObject {
  const next = structuredClone(claim);
  const left = (next.metadata.finalizers ?? []).filter((finalizer) => finalizer !== PROTECTION);
  if (left.length > 0) next.metadata.finalizers = left;
  else delete next.metadata.finalizers;
  return next;
}

function findVolume(store: ApiStore, events: EventRecorder, claim: KubeObject): void {
  const className = stringAt(claim, 'spec', 'storageClassName');
  if (className === undefined) {
    const usual = store
      .list('storageclasses')
      .items.filter(isDefaultClass)
      .toSorted((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))
      .at(0);
    if (usual !== undefined) {
      const spec = { ...objectAt(claim, 'spec'), storageClassName: usual.metadata.name };
      store.update('persistentvolumeclaims', { ...structuredClone(claim), spec });
      return;
    }
  }
  const made = volumeFor(claim, store.list('persistentvolumes').items);
  if (made !== undefined) return bind(store, claim, made);
  if (className === undefined || className === '') {
    events.about(
      claim,
      'Normal',
      'FailedBinding',
      'no persistent volumes available for this claim and no storage class is set',
    );
    return;
  }
  const storageClass = store.get('storageclasses', { name: className });
  const refuse = (message: string): void => events.about(claim, 'Warning', 'ProvisioningFailed', message);
  if (storageClass === undefined) return refuse(`storageclass.storage.k8s.io "${className}" not found`);
  if (stringAt(storageClass, 'provisioner') === 'kubernetes.io/no-provisioner') {
    return refuse('no persistent volume suits this claim, and its class makes none');
  }
  if (stringAt(claim, 'spec', 'volumeMode') === 'Block') return refuse('the sandbox makes no block devices');
  if (objectAt(claim, 'spec', 'selector') !== undefined) {
    return refuse('claim Selector is not supported by what makes volumes');
  }
  const volume = store.create('persistentvolumes', dynamicVolume(claim, storageClass));
  events.about(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volume.metadata.name}`);
  bind(store, claim, volume);
}

function bind(store: ApiStore, claim: KubeObject, volume: KubeObject): void {
  const spec = { ...objectAt(volume, 'spec'), claimRef: claimReference(claim) };
  const bound = store.update('persistentvolumes', { ...structuredClone(volume), spec });
  writeStatus(store, 'persistentvolumes', bound, { phase: 'Bound' });
  const named = { ...objectAt(claim, 'spec'), volumeName: volume.metadata.name };
  const next = store.update('persistentvolumeclaims', { ...structuredClone(claim), spec: named });
  tellBound(store, next, volume);
}

function tellBound(store: ApiStore, claim: KubeObject, volume: KubeObject): void {
  writeStatus(store, 'persistentvolumeclaims', claim, {
    phase: 'Bound',
    accessModes: structuredClone(listAt(volume, 'spec', 'accessModes')),
    capacity: structuredClone(objectAt(volume, 'spec', 'capacity') ?? {}),
  });
}

/** A claim may name its volume itself; and one whose volume is gone has lost it. */
function followVolume(store: ApiStore, claim: KubeObject, volumeName: string): void {
  const volume = store.get('persistentvolumes', { name: volumeName });
  const wasBound = stringAt(claim, 'status', 'phase') === 'Bound';
  if (volume === undefined) {
    if (wasBound) writeStatus(store, 'persistentvolumeclaims', claim, { phase: 'Lost' });
    return;
  }
  if (objectAt(volume, 'spec', 'claimRef') === undefined || (isFor(volume, claim) && !wasBound)) {
    return bind(store, claim, volume);
  }
  if (isFor(volume, claim)) tellBound(store, claim, volume);
}
