import { accessSync, constants, existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Container } from '../../client/index.ts';
import type { Mount } from '../volumes/mounts.ts';
import { BUILT_IN_IMAGES } from './built-in.ts';
import { type ImageCommand, type ImageTable, imageCommand } from './image-table.ts';

const FOLDERS = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'.split(':');

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function machineHas(program: string): boolean {
  return isAbsolute(program) ? isProgram(program) : FOLDERS.some((folder) => isProgram(join(folder, program)));
}

/** How files of an image come into a container; what this machine does not have is not there either. */
export function imageMounts(files: Readonly<Record<string, string>>): Mount[] {
  const found = Object.entries(files).filter(([, source]) => existsSync(source));
  return found.map(([target, source]) => ({ source, sub: '', target, readOnly: true }));
}

/** What images stand for on this machine. */
export class Images {
  readonly #table: ImageTable;

  /** `own`: lines of the user's, which come before the built-in ones. */
  constructor(own: ImageTable = []) {
    this.#table = [...own, ...BUILT_IN_IMAGES];
  }

  command(container: Container): ImageCommand {
    return imageCommand(this.#table, container, machineHas);
  }
}
