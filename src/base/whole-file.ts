import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';

type WholeFile = {
  /** Beside its place, on the same file system: what stands there is nobody's. */
  readonly temporary: string;
  readonly mode: number;
};

/**
 * Puts a file in its place, on disk and whole: a reader after a crash finds the old one or the new one. Throws where not all
 * of it can be written, and what was there stays. A kernel that has room for a part takes that and calls it no error: it is
 * asked again.
 */
export function writeWhole(path: string, content: string | Buffer, { temporary, mode }: WholeFile): void {
  rmSync(temporary, { force: true });
  try {
    const fd = openSync(temporary, 'wx', mode);
    try {
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    // It takes room that there is none of.
    rmSync(temporary, { force: true });
    throw error;
  }
}
