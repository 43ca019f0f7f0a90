import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sandboxErrors } from '../errors.ts';

/** YAML files, those of a folder in the order of their names. Throws E_SANDBOX_MANIFEST. */
export async function manifestFiles(paths: readonly string[]): Promise<string[]> {
  const lists = paths.map(async (path) => {
    const found = await stat(path).catch((cause: unknown) => {
      throw sandboxErrors.make('E_SANDBOX_MANIFEST', { detail: `${path} cannot be read`, cause });
    });
    if (!found.isDirectory()) return [path];
    const names = await readdir(path);
    const yaml = names.filter((name) => /\.(ya?ml|json)$/.test(name)).toSorted();
    return yaml.map((name) => join(path, name));
  });
  return (await Promise.all(lists)).flat();
}
