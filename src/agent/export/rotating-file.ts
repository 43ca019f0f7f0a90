import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { agentErrors } from '../errors.ts';

export type RotatingFileOptions = {
  readonly path: string;
  /** A file that would become larger is put aside first. */
  readonly maxBytes: number;
  /** Files put aside that are kept: `path.1` is the newest. 0: none. */
  readonly keep: number;
};

const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
/** A pipe or a device is looked at and refused, and does not keep whoever opens it waiting. */
const FLAGS = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
const OTHERS_MAY_READ = 0o077;
const OTHERS_MAY_WRITE = 0o022;
const STICKY = 0o1000;
const NEWLINE = 0x0a;

type Opened = { readonly handle: FileHandle; readonly dev: number; readonly ino: number; size: number };

/** A file of whole lines that only its owner reads. Of a group of lines all are written, or none. */
export class RotatingFile {
  readonly #o: RotatingFileOptions;
  #opened: Opened | undefined;

  constructor(options: RotatingFileOptions) {
    this.#o = options;
  }

  /** E_AGENT_EXPORT_FILE for what is there and is no file of ours; errors of the file system as they are. */
  async open(): Promise<void> {
    await this.#open();
  }

  /** As `open`. A file that somebody moved away or removed meanwhile is begun anew. */
  async append(lines: readonly string[]): Promise<void> {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const { maxBytes } = this.#o;
    let opened = await this.#open();
    if (opened.size > 0 && opened.size + bytes.length > maxBytes) {
      await this.#rotate();
      opened = await this.#open();
    }
    try {
      await opened.handle.appendFile(bytes);
      opened.size += bytes.length;
    } catch (error) {
      // What was written of it is no whole group: readers get none of it, and it is counted once.
      await opened.handle.truncate(opened.size).catch(() => undefined);
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.handle.close();
  }

  async #open(): Promise<Opened> {
    const { path } = this.#o;
    if (this.#opened !== undefined) {
      if (await isStillAt(path, this.#opened)) return this.#opened;
      await this.close();
    }
    await requireOwnFolder(dirname(path));
    const handle = await open(path, FLAGS, 0o600);
    try {
      const stat = await handle.stat();
      const { dev, ino, size, mode } = stat;
      if (!stat.isFile()) throw refused(path, 'is no file');
      if (stat.nlink > 1) throw refused(path, 'has another name, too');
      if (stat.uid !== process.geteuid?.()) throw refused(path, `belongs to the user ${stat.uid}`);
      if ((mode & OTHERS_MAY_READ) !== 0) await handle.chmod(0o600);
      this.#opened = { handle, dev, ino, size: size + (await endLine(handle, size)) };
      return this.#opened;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #rotate(): Promise<void> {
    const { path, keep } = this.#o;
    await this.close();
    if (keep === 0) {
      await rm(path, { force: true });
      return;
    }
    for (let number = keep; number > 1; number -= 1) await renameIfThere(`${path}.${number - 1}`, `${path}.${number}`);
    await renameIfThere(path, `${path}.1`);
  }
}

/** Whoever writes in it could put another file in place of ours, or a link. */
async function requireOwnFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { mode, uid } = await lstat(folder);
  if (uid !== 0 && uid !== process.geteuid?.()) throw refused(folder, `belongs to the user ${uid}`);
  if ((mode & OTHERS_MAY_WRITE) !== 0 && (mode & STICKY) === 0) throw refused(folder, 'may be written by others');
}

/** What an earlier life was ended in the midst of stays a line of its own. Bytes added. */
async function endLine(handle: FileHandle, size: number): Promise<number> {
  if (size === 0) return 0;
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  if (buffer[0] === NEWLINE) return 0;
  await handle.appendFile('\n');
  return 1;
}

async function isStillAt(path: string, { dev, ino }: Opened): Promise<boolean> {
  try {
    const there = await lstat(path);
    return there.dev === dev && there.ino === ino;
  } catch {
    return false;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

const refused = (path: string, why: string) => agentErrors.make('E_AGENT_EXPORT_FILE', { detail: `${path} ${why}` });
