import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** One file of a volume. `uid`: of its owner, when that is not root. */
export type VolumeFile = { readonly content: Buffer; readonly mode: number; readonly uid?: number };
/** By path below the volume. */
export type Payload = ReadonlyMap<string, VolumeFile>;

const DATA = '..data';

/**
 * Makes a folder hold exactly these files, all at once, as the kubelet of Kubernetes does: the files lie in a folder with
 * a name of its own, `..data` leads there, and a link of each top name leads through it. Whoever reads sees all of the
 * old or all of the new. Nothing happens when they are there already. `gid`: the group of all of it.
 */
export async function writeAtomically(folder: string, payload: Payload, gid?: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const old = await readlink(join(folder, DATA)).catch(() => undefined);
  if (old !== undefined && (await holds(join(folder, old), payload))) return;
  const fresh = `..${new Date().toISOString().replace(/[-:T]/g, '_').slice(0, 19)}.${randomBytes(5).readUIntBE(0, 5)}`;
  const version = join(folder, fresh);
  await mkdir(version, { mode: 0o755 });
  if (gid !== undefined) await own(version, gid);
  for (const [path, file] of payload) await writeOne(version, path, file, gid);
  await symlink(fresh, join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, DATA));
  const wanted = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? ''));
  for (const name of wanted) {
    const link = join(folder, name);
    if ((await readlink(link).catch(() => undefined)) !== `${DATA}/${name}`) await symlink(`${DATA}/${name}`, link);
  }
  for (const name of await readdir(folder)) {
    if (name !== DATA && name !== fresh && !wanted.has(name)) await rm(join(folder, name), { recursive: true });
  }
}

async function own(folder: string, gid: number): Promise<void> {
  await chown(folder, 0, gid);
  await chmod(folder, 0o2755);
}

async function writeOne(version: string, path: string, file: VolumeFile, gid: number | undefined): Promise<void> {
  const target = join(version, path);
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await writeFile(target, file.content);
  await chown(target, file.uid ?? 0, gid ?? 0);
  // After the owner: that clears bits. And apart from writing: that is cut by the process's mask.
  await chmod(target, file.mode);
}

async function holds(version: string, payload: Payload): Promise<boolean> {
  const entries = await readdir(version, { recursive: true, withFileTypes: true }).catch(() => []);
  if (entries.filter((entry) => entry.isFile()).length !== payload.size) return false;
  for (const [path, file] of payload) {
    const there = await readFile(join(version, path)).catch(() => undefined);
    if (there === undefined || !there.equals(file.content)) return false;
    if (((await stat(join(version, path))).mode & 0o7777) !== file.mode) return false;
  }
  return true;
}
