import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The types that make what is missing, and the kind that each one asks for. */
const WANTED: Readonly<Record<string, { readonly is: 'directory' | 'file'; readonly make: boolean }>> = {
  '': { is: 'directory', make: true },
  DirectoryOrCreate: { is: 'directory', make: true },
  Directory: { is: 'directory', make: false },
  FileOrCreate: { is: 'file', make: true },
  File: { is: 'file', make: false },
};

/**
 * Where a hostPath is. The host is the sandbox's node, and its files are in a folder of its own: a pod that was given
 * the machine's would have the sandbox's tokens. Throws what the kubelet of Kubernetes says of a path of another type.
 */
export async function nodePathOf(nodeFiles: string, path: string, type: string): Promise<string> {
  const target = join(nodeFiles, join('/', path));
  const wanted = WANTED[type];
  const found = await stat(target).catch(() => undefined);
  const isRight = wanted?.is === 'file' ? found?.isFile() : found?.isDirectory();
  if (found !== undefined && (type === '' || isRight === true)) return target;
  if (wanted === undefined || found !== undefined || !wanted.make) {
    const kind =
      { Directory: 'a directory', DirectoryOrCreate: 'a directory', Socket: 'a socket file' }[type] ?? 'a file';
    throw new Error(`hostPath type check failed: ${path} is not ${kind}`);
  }
  await mkdir(wanted.is === 'directory' ? target : dirname(target), { recursive: true, mode: 0o755 });
  if (wanted.is === 'file') await writeFile(target, '', { mode: 0o644, flag: 'a' });
  return target;
}
