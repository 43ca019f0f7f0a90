import type { Pod, Volume } from '../../client/index.ts';
import { quantity } from '../../client/index.ts';

/** How the sandbox serves a volume. */
export type VolumePlan =
  /** A file system in memory, with these options of mount(8). */
  | { readonly kind: 'memory'; readonly options: string }
  /** Files that the kubelet keeps as the API has them. */
  | { readonly kind: 'files' }
  /** A path of the node. */
  | { readonly kind: 'node'; readonly path: string; readonly type: string }
  /** What a claim is bound to. */
  | { readonly kind: 'claim'; readonly name: string }
  | { readonly kind: 'none'; readonly message: string };

/**
 * An emptyDir is in memory whatever its medium, and its limit is that of the file system: whoever writes more is told at
 * once, where a kubelet would evict the pod some time later.
 */
function memoryOptions(volume: NonNullable<Volume['emptyDir']>, fsGroup: number | undefined): string {
  const limit = volume.sizeLimit === undefined ? 0 : Math.floor(quantity(volume.sizeLimit) ?? 0);
  return [
    fsGroup === undefined ? 'mode=0777' : `mode=2777,gid=${fsGroup}`,
    // The kernel takes 0 for no limit at all, and counts in pages.
    ...(limit > 0 ? [`size=${Math.max(limit, 4_096)}`] : []),
  ].join(',');
}

export function planVolume(volume: Volume, pod: Pod): VolumePlan {
  const { emptyDir, configMap, secret, downwardAPI, projected, hostPath, persistentVolumeClaim } = volume;
  if (emptyDir !== undefined) {
    return { kind: 'memory', options: memoryOptions(emptyDir, pod.spec.securityContext?.fsGroup) };
  }
  if ((configMap ?? secret ?? downwardAPI ?? projected) !== undefined) return { kind: 'files' };
  if (hostPath !== undefined) return { kind: 'node', path: hostPath.path, type: hostPath.type };
  if (persistentVolumeClaim !== undefined) return { kind: 'claim', name: persistentVolumeClaim.claimName };
  const source = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
  const message = `the sandbox does not serve volumes of the kind ${source}; an emptyDir in its place is gone with the pod`;
  return { kind: 'none', message };
}
