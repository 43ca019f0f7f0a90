import { join } from 'node:path';
import type { Container, Volume } from '../../client/index.ts';
import { expand } from '../env/expand.ts';

/** One mount of a container. `source` is a path outside, `sub` one below it, `target` one inside. */
export type Mount = {
  readonly source: string;
  readonly sub: string;
  readonly target: string;
  readonly readOnly: boolean;
};

const depth = (path: string): number => path.split('/').filter(Boolean).length;

/** A path inside, without steps that lead nowhere or up. */
function inside(path: string): string {
  return join('/', path).replace(/(.)\/+$/, '$1');
}

/** What is made of objects of the API is never written by a container, nor is a claim that the pod only reads. */
function isReadOnly({ configMap, secret, downwardAPI, projected, persistentVolumeClaim }: Volume): boolean {
  if (persistentVolumeClaim?.readOnly === true) return true;
  return (configMap ?? secret ?? downwardAPI ?? projected) !== undefined;
}

/** A container's mounts, what lies above others first. `folders`: where each volume is, by name. */
export function containerMounts(
  container: Container,
  volumes: readonly Volume[],
  folders: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string>>,
): Mount[] {
  const mounts = container.volumeMounts.flatMap((mount): Mount[] => {
    const volume = volumes.find(({ name }) => name === mount.name);
    const source = folders.get(mount.name);
    if (volume === undefined || source === undefined) return [];
    const sub = mount.subPathExpr === '' ? mount.subPath : expand(mount.subPathExpr, env);
    const readOnly = mount.readOnly || isReadOnly(volume);
    return [{ source, sub: sub.replace(/\/+$/, ''), target: inside(mount.mountPath), readOnly }];
  });
  return mounts.toSorted((a, b) => depth(a.target) - depth(b.target));
}
