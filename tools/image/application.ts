import { chmodSync, cpSync, existsSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROGRAM, SOURCES } from '../../src/cli/built-program.ts';
import { run } from './command.ts';

/** Where it is in the image. */
export const HOME = 'opt/membrane';
const NODE = 'node_modules/node/bin/node';

type Lock = { readonly packages: Readonly<Record<string, { dev?: boolean; optional?: boolean; link?: boolean }>> };

/** Node.js, which changes least, without the names of its functions. */
export function copyNode(repository: string, root: string): void {
  const program = join(root, HOME, NODE);
  mkdirSync(join(root, HOME, 'node_modules/.bin'), { recursive: true });
  mkdirSync(dirname(program), { recursive: true });
  cpSync(join(repository, NODE), program, { dereference: true });
  run('strip', program);
  chmodSync(program, 0o755);
  symlinkSync('../node/bin/node', join(root, HOME, 'node_modules/.bin/node'));
}

/** Libraries that are needed at run time, as the lock file has them, without what is there for compilers and readers. */
export function copyLibraries(repository: string, root: string): void {
  for (const folder of runtimeLibraries(repository)) {
    cpSync(join(repository, folder), join(root, HOME, folder), {
      recursive: true,
      dereference: true,
      filter: (path) => !/\.(md|map|flow|[cm]?ts)$|\/(tests?|benchmarks?)$/i.test(path) || isRead(path),
    });
  }
}

/** What looks like text for people, and is not only that. */
const isRead = (path: string): boolean => /LICEN[CS]E/i.test(path);

export function runtimeLibraries(repository: string): string[] {
  const { packages } = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as Lock;
  return Object.entries(packages).flatMap(([folder, { dev, link }]) => {
    const isNode = /^node_modules\/node(-bin-setup)?$/.test(folder);
    // The page's workspace is bundled: what it is made of is not needed any more.
    const isOwn = !folder.startsWith('node_modules/') || link === true;
    return isOwn || dev === true || isNode || !existsSync(join(repository, folder)) ? [] : [folder];
  });
}

/** Our own: sources as they are, and what was built of them, for the kernel and for runtimes. */
export function copyOwn(repository: string, root: string): void {
  const home = join(root, HOME);
  const sources = globSync('src/**/*.{ts,js,json}', {
    cwd: repository,
    exclude: (path) => /\.(test|contract)\.ts$|testkit|\/test-[\w-]+\.ts$|fake\.ts$|samples\.ts$/.test(path),
  });
  const built = [
    ...globSync('build/*.bpf.o', { cwd: repository }),
    'build/membrane-cni',
    'build/ui',
    ...builtFiles(repository),
  ];
  for (const file of ['membrane', 'package.json', 'LICENSE', ...sources, ...built]) {
    cpSync(join(repository, file), join(home, file), { recursive: true });
  }
  chmodSync(join(home, 'membrane'), 0o755);
  // Nobody changes a source there.
  writeFileSync(join(home, PROGRAM, SOURCES), '[]');
  mkdirSync(join(home, 'build/cache'), { recursive: true });
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  symlinkSync(`/${HOME}/membrane`, join(root, 'usr/bin/membrane'));
}

/** The program as it was built last: its entry and what that loads, without what others that still run were started from. */
function builtFiles(repository: string): string[] {
  const found = new Set<string>();
  const take = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    const text = readFileSync(join(repository, PROGRAM, name), 'utf8');
    for (const [, next = ''] of text.matchAll(/"\.\/([\w.-]+\.js)"/g)) take(next);
  };
  take('start.js');
  return [...found].map((name) => join(PROGRAM, name));
}
