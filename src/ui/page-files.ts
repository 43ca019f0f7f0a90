import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { HOME } from '../base/home.ts';
import { uiErrors } from './errors.ts';

/** Where `npm run build` puts the page. */
const BUILT = join(HOME, 'build/ui/');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export type PageFile = {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly isNamedByContent: boolean;
};

/** The files of the page by their paths, in memory: no path that somebody sends is opened. E_UI_NOT_BUILT. */
export async function pageFiles(folder = BUILT): Promise<ReadonlyMap<string, PageFile>> {
  const names = await readdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw uiErrors.make('E_UI_NOT_BUILT', { detail: `${folder} does not exist`, cause });
  });
  const files = new Map<string, PageFile>();
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const body = new Uint8Array(await readFile(join(folder, name)));
    files.set(`/${name}`, { body, type, isNamedByContent: name.startsWith('assets/') });
  }
  const index = files.get('/index.html');
  if (index === undefined) throw uiErrors.make('E_UI_NOT_BUILT', { detail: `${folder} has no index.html` });
  files.set('/', index);
  return files;
}
