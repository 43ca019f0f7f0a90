import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sandboxErrors } from '../errors.ts';

/** YAML files, those of a folder in the order of their names. Throws E_SANDBOX_MANIFEST. */
export async function manifestFiles(paths: readonly string[]): Promise<string[]> {
  return (await Promise.all(paths.map(filesAt))).flat();
}

async function filesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (!found.isDirectory()) return [path];
  const names = await readdir(path);
  const yaml = names.filter((name) => /\.(ya?ml|json)$/.test(name)).toSorted();
  if (yaml.length > 0) return yaml.map((name) => join(path, name));
  throw sandboxErrors.make('E_SANDBOX_MANIFEST', {
    detail: `the folder ${path} has no file that ends in .yaml, .yml or .json`,
    remedy: 'Name the files, or the folder that they are in: folders within it are not searched.',
  });
}

/** What kubectl takes beside files and folders is left to it: the sandbox is started by processes that have no input. */
function unreadable(path: string, cause: unknown): Error {
  const isElsewhere = path === '-' || /^https?:\/\//.test(path);
  return sandboxErrors.make('E_SANDBOX_MANIFEST', {
    detail: isElsewhere ? `${path} is neither a file nor a folder` : `${path} cannot be read`,
    remedy: isElsewhere
      ? `Keep it in a file, or, once the sandbox is up: \`kubectl apply -f ${path}\`.`
      : 'Name a file or a folder that exists.',
    cause,
  });
}
