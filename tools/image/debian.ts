import { chmodSync, copyFileSync, lstatSync, mkdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './command.ts';

/** A shell for the launcher, and what one looks at a node with. */
const SHELL = '/bin/busybox';
const APPLETS =
  'sh cat dirname env grep head id ip kill ls mkdir mount nsenter ping ps readlink sleep tail umount wget'.split(' ');
/** Of a package: its programs and libraries, and its licence. */
const WANTED = /^(\/usr)?\/(s?bin|lib(64)?)\/|^\/usr\/share\/doc\/[^/]+\/copyright$/;
const LEFT_OUT = /\/(gconv|audit|initramfs-tools)(\/|$)/;
const FOLDERS = ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'run', 'proc', 'sys', 'dev', 'etc', 'var', 'opt'];

/**
 * The root of the image: a shell and the libraries that these programs need, each with all of its Debian package as it is
 * installed here. Gives the packages.
 */
export function copyDebian(root: string, programs: readonly string[]): string[] {
  for (const folder of FOLDERS) mkdirSync(join(root, folder), { recursive: true, mode: 0o755 });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));
  symlinkSync('../run', join(root, 'var/run'));
  mkdirSync(join(root, 'tmp'));
  chmodSync(join(root, 'tmp'), 0o1777);
  const all = [...programs, SHELL];
  const packages = [...new Set([...all.flatMap(librariesOf), SHELL].map(packageOf))].toSorted();
  for (const name of packages) copyPackage(name, root);
  for (const name of APPLETS) symlinkSync('busybox', join(root, 'usr/bin', name));
  return packages;
}

function copyPackage(name: string, root: string): void {
  for (const path of run('dpkg-query', '-L', name).trim().split('\n')) {
    if (!WANTED.test(path) || LEFT_OUT.test(path)) continue;
    const [found, target] = [lstatSync(path), join(root, path)];
    if (found.isDirectory()) continue;
    mkdirSync(dirname(target), { recursive: true });
    if (found.isSymbolicLink()) symlinkSync(readlinkSync(path), target);
    else copyFileSync(path, target);
  }
}

/** What the loader would take, and the file itself when it is a library. */
function librariesOf(program: string): string[] {
  const needed = [...run('ldd', program).matchAll(/(?:=>\s*|^\s*)(\/\S+) \(/gm)].map(([, path = '']) => path);
  return program.includes('.so') ? [program, ...needed] : needed;
}

/** With merged directories a package may know its file by either path. */
function packageOf(path: string): string {
  for (const name of [path, `/usr${path}`, path.replace(/^\/usr/, '')]) {
    try {
      const [found] = run('sh', '-c', 'dpkg-query -S "$1" 2>/dev/null', 'sh', name).split(': ');
      if (found !== undefined && found !== '') return found;
    } catch {
      // It is not known by that one.
    }
  }
  throw new Error(`${path} is of no Debian package: make the image on Debian`);
}
