import { mkdirSync, statSync } from 'node:fs';

/**
 * Makes a directory and those above it, for root only. Not `mkdirSync(recursive)`: that never returns on a file system
 * that answers ENOENT to every mkdir, such as /proc.
 */
export function makeDirectory(path: string): void {
  const parts = path.split('/').filter((part) => part !== '');
  for (let i = 1; i <= parts.length; i += 1) {
    const directory = `/${parts.slice(0, i).join('/')}`;
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) mkdirSync(directory, { mode: 0o700 });
  }
}
