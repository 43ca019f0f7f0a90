import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BPFFS, ensureBpffs } from './bpffs.ts';
import { folderStamp } from './folder-stamp.ts';
import { mapCreate, objectPin } from './syscall.ts';

/** What is pinned, and files of a folder of any other kind, as namespaces are named by. */
const PLACES = [
  {
    kind: 'a bpffs',
    folder: join(BPFFS, 'folder-stamp'),
    put: (path: string) => {
      using map = mapCreate({ name: 'x', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 });
      objectPin(map, path);
    },
  },
  {
    kind: 'a tmpfs',
    folder: join(tmpdir(), `folder-stamp-${process.pid}`),
    put: (path: string) => writeFileSync(path, ''),
  },
];

describe.each(PLACES)('the stamp of a folder on $kind', ({ folder, put }) => {
  /** As if nothing had happened for an hour. */
  const later = (): string | undefined => folderStamp(folder, Date.now() + 3_600_000);
  const at = (name: string): string => join(folder, name);

  beforeEach(() => {
    ensureBpffs();
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    put(at('a'));
    put(at('b'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('stays while nothing happens, and is none while something just did', () => {
    expect(later()).toBeDefined();
    expect(later()).toBe(later());
    expect(folderStamp(folder, statSync(folder).ctimeMs + 900)).toBeUndefined();
  });

  it.each([
    ['one came', () => put(at('c'))],
    ['one went', () => rmSync(at('a'))],
    ['one has another name', () => renameSync(at('a'), at('c'))],
    ['one took the place of another', () => renameSync(at('b'), at('a'))],
    [
      'it was made anew',
      () => {
        renameSync(folder, `${folder}-old`);
        mkdirSync(folder);
        rmSync(`${folder}-old`, { recursive: true });
      },
    ],
  ])('is another one after %s', async (_, change) => {
    const before = later();
    await new Promise((done) => setTimeout(done, 20));
    change();
    expect(later()).not.toBe(before);
  });

  it('is none when it is gone', () => {
    rmSync(folder, { recursive: true });
    expect(later()).toBeUndefined();
  });
});
