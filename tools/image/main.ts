/**
 * `npm run image [-- --name HOST/NAME:TAG]`: the image of the agent without a container engine, as an OCI layout in
 * build/image and as one file beside it. Made of Debian's packages as they are installed here, Node.js and our own files; nothing in it compiles or
 * installs.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { copyLibraries, copyNode, copyOwn, HOME } from './application.ts';
import { run } from './command.ts';
import { copyDebian } from './debian.ts';
import { packImage, writeImage } from './oci.ts';

const REPOSITORY = join(import.meta.dirname, '../..');
const BUILD = join(REPOSITORY, 'build');
const MIB = 1 << 20;

const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string };
/** No registry: what is imported on a node is used, and nothing else is ever looked for. */
const { values } = parseArgs({ options: { name: { type: 'string', default: `localhost/membrane:${version}` } } });

const work = mkdtempSync(join(tmpdir(), 'membrane-image-'));
try {
  const layer = (name: string): string => {
    const folder = join(work, name);
    mkdirSync(folder, { mode: 0o755 });
    return folder;
  };
  const [base, node, libraries, own] = [layer('base'), layer('node'), layer('libraries'), layer('own')];
  const libbpf = run('sh', '-c', 'ls /usr/lib/*/libbpf.so.1 | head -n 1').trim();
  const program = join(REPOSITORY, 'node_modules/node/bin/node');
  const packages = copyDebian(base, [program, libbpf]);
  copyNode(REPOSITORY, node);
  copyLibraries(REPOSITORY, libraries);
  copyOwn(REPOSITORY, own);

  const folder = join(BUILD, 'image');
  const written = writeImage({
    folder,
    name: values.name,
    layers: [
      { folder: base, what: `Debian: ${packages.join(' ')}` },
      { folder: node, what: 'Node.js' },
      { folder: libraries, what: 'libraries' },
      { folder: own, what: 'Membrane' },
    ],
    config: {
      Entrypoint: [`/${HOME}/membrane`],
      Env: ['PATH=/usr/bin:/usr/sbin'],
      WorkingDir: '/',
    },
    labels: { 'org.opencontainers.image.title': 'membrane', 'org.opencontainers.image.version': version },
  });
  const file = join(BUILD, 'membrane-image.tar');
  packImage(folder, file);
  for (const { what, bytes, packed } of written.layers) console.log(`${mib(bytes)} (${mib(packed)} packed)  ${what}`);
  const sum = written.layers.reduce((all, { bytes }) => all + bytes, 0);
  console.log(`${values.name} ${written.digest}`);
  console.log(`${mib(sum)} unpacked; build/image and build/membrane-image.tar, ${mib(statSync(file).size)}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
