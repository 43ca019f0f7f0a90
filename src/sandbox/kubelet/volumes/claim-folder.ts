import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type KubeObject, stringAt } from '../../apiserver/index.ts';
import { LOCAL_DRIVER, type Pod } from '../../client/index.ts';
import type { NodePlace } from '../../machine/index.ts';
import type { KubeletHost } from '../kubelet-host.ts';
import { nodePathOf } from './node-path.ts';

/** Beside the folders of the nodes: whichever node a pod comes to, it finds its files. By uid, which no tenant chooses. */
function ownFolder(node: NodePlace, volume: KubeObject): string {
  return join(dirname(node.dir), 'volumes', volume.metadata.uid ?? '');
}

/** Where the volume is that a pod's claim is bound to. Throws what is to be waited for. */
export async function claimFolder({ node, store }: KubeletHost, pod: Pod, name: string): Promise<string> {
  const { namespace } = pod.metadata;
  const claim = store.get('persistentvolumeclaims', { namespace, name });
  if (claim === undefined) throw new Error(`persistentvolumeclaim "${name}" not found`);
  if (claim.metadata.deletionTimestamp !== undefined)
    throw new Error(`persistentvolumeclaim "${name}" is being deleted`);
  const volume = store.get('persistentvolumes', { name: stringAt(claim, 'spec', 'volumeName') ?? '' });
  if (volume === undefined || stringAt(claim, 'status', 'phase') !== 'Bound') {
    throw new Error(`persistentvolumeclaim "${name}" is not bound to a volume`);
  }
  if (stringAt(volume, 'spec', 'csi', 'driver') === LOCAL_DRIVER) {
    const folder = ownFolder(node, volume);
    await mkdir(folder, { recursive: true, mode: 0o777 });
    const { fsGroup } = pod.spec.securityContext ?? {};
    // As an emptyDir: whoever the pod's processes are, they may write.
    if (fsGroup !== undefined) await chown(folder, 0, fsGroup);
    await chmod(folder, fsGroup === undefined ? 0o777 : 0o2777);
    return folder;
  }
  const path = stringAt(volume, 'spec', 'hostPath', 'path') ?? stringAt(volume, 'spec', 'local', 'path');
  if (path === undefined)
    throw new Error(`the sandbox does not serve the kind of volume that "${volume.metadata.name}" is`);
  return await nodePathOf(join(node.dir, 'files'), path, stringAt(volume, 'spec', 'hostPath', 'type') ?? '');
}

/** Until the signal is aborted: what was on a volume goes with it. */
export async function emptyDeletedVolumes({ node, store }: KubeletHost, signal: AbortSignal): Promise<void> {
  for await (const { type, object } of store.watch('persistentvolumes', { signal })) {
    if (type === 'DELETED') await rm(ownFolder(node, object), { recursive: true, force: true });
  }
}
