import { namespacedName } from '../../../base/index.ts';
import { type KubeObject, objectAt, stringAt } from '../../apiserver/index.ts';
import type { ControllerContext } from '../kit/context.ts';
import { Controller } from '../kit/controller.ts';
import { writeStatus } from '../kit/status.ts';

/** What becomes of volumes whose claim is gone: deleted, or kept with what is on them, as each says. */
export function reclaimController(context: ControllerContext): Controller {
  const { store } = context;
  return new Controller(context, {
    name: 'persistentvolume-reclaimer',
    watches: [
      { resource: 'persistentvolumes', concerns: ({ metadata }) => [namespacedName({ name: metadata.name })] },
      {
        resource: 'persistentvolumeclaims',
        concerns: (claim) => [namespacedName({ name: stringAt(claim, 'spec', 'volumeName') ?? '' })],
      },
    ],
    sync: ({ name }) => {
      const volume = store.get('persistentvolumes', { name });
      const of = objectAt(volume, 'spec', 'claimRef');
      if (volume === undefined || volume.metadata.deletionTimestamp !== undefined) return undefined;
      const uid = stringAt(of, 'uid') ?? '';
      if (of === undefined) writeStatus(store, 'persistentvolumes', volume, { phase: 'Available' });
      if (of === undefined || uid === '') return undefined;
      const key = { namespace: stringAt(of, 'namespace') ?? '', name: stringAt(of, 'name') ?? '' };
      if (store.get('persistentvolumeclaims', key)?.metadata.uid === uid) return undefined;
      if (keepsData(volume)) writeStatus(store, 'persistentvolumes', volume, { phase: 'Released' });
      else store.delete('persistentvolumes', { name });
      return undefined;
    },
  });
}

function keepsData(volume: KubeObject): boolean {
  return stringAt(volume, 'spec', 'persistentVolumeReclaimPolicy') !== 'Delete';
}
