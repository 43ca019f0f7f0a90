import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runtimeLibraries } from './application.ts';

type Descriptor = { mediaType: string; digest: string; size: number; annotations?: Record<string, string> };
type Manifest = { config: Descriptor; layers: Descriptor[] };
type Config = { architecture: string; os: string; config: { Entrypoint: string[] }; rootfs: { diff_ids: string[] } };

const REPOSITORY = join(import.meta.dirname, '../..');
const IMAGE = join(REPOSITORY, 'build/image');
const NAME = 'localhost/membrane:test';

const blob = ({ digest }: Pick<Descriptor, 'digest'>) => readFileSync(join(IMAGE, 'blobs', digest.replace(':', '/')));
const sha = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const json = <T>(bytes: Buffer): T => JSON.parse(bytes.toString()) as T;

let printed: string;
let manifest: Manifest;
let config: Config;
let root: string;

const inImage = (...argv: string[]): string =>
  execFileSync('chroot', [root, ...argv], { encoding: 'utf8', env: { PATH: '/usr/bin:/usr/sbin' } });

beforeAll(() => {
  const main = join(REPOSITORY, 'tools/image/main.ts');
  printed = execFileSync(process.execPath, [main, '--name', NAME], { encoding: 'utf8' });
  const index = json<{ manifests: [Descriptor] }>(readFileSync(join(IMAGE, 'index.json')));
  manifest = json<Manifest>(blob(index.manifests[0]));
  config = json<Config>(blob(manifest.config));
  root = mkdtempSync(join(tmpdir(), 'membrane-root-'));
  for (const layer of manifest.layers)
    execFileSync('tar', ['-xz', '-C', root], { input: blob(layer), maxBuffer: 1 << 28 });
  execFileSync('mount', ['-t', 'proc', 'proc', join(root, 'proc')]);
});
afterAll(() => {
  execFileSync('umount', [join(root, 'proc')]);
  rmSync(root, { recursive: true, force: true });
});

describe('the layout', () => {
  it('is what its digests say, in both forms', () => {
    expect(json(readFileSync(join(IMAGE, 'oci-layout')))).toEqual({ imageLayoutVersion: '1.0.0' });
    for (const one of [manifest.config, ...manifest.layers]) {
      expect([sha(blob(one)), blob(one).length]).toEqual([one.digest, one.size]);
    }
    expect(manifest.layers.map((layer) => sha(gunzipSync(blob(layer))))).toEqual(config.rootfs.diff_ids);
    expect([config.os, config.architecture]).toEqual(['linux', process.arch === 'x64' ? 'amd64' : process.arch]);
    const [docker] = json<[{ Config: string; Layers: string[]; RepoTags: string[] }]>(
      readFileSync(join(IMAGE, 'manifest.json')),
    );
    expect(docker.RepoTags).toEqual([NAME]);
    expect([docker.Config, ...docker.Layers].filter((path) => !existsSync(join(IMAGE, path)))).toEqual([]);
    const file = execFileSync('tar', ['-tf', join(REPOSITORY, 'build/membrane-image.tar')], { encoding: 'utf8' });
    for (const name of ['./index.json', './oci-layout', './manifest.json']) expect(file).toContain(name);
  });

  it('is small', () => {
    const bytes = manifest.layers.map((layer) => gunzipSync(blob(layer)).length).reduce((a, b) => a + b);
    expect(bytes).toBeLessThan(150_000_000);
    expect(printed).toContain(`${NAME} sha256:`);
  });
});

describe('the root', () => {
  it('runs the program, its agent and the files for runtimes', () => {
    const { version } = json<{ version: string }>(readFileSync(join(REPOSITORY, 'package.json')));
    const [entry = ''] = config.config.Entrypoint;
    expect(inImage(entry, 'version')).toMatch(new RegExp(`^membrane ${version} \\(node 24\\.`));
    expect(inImage('membrane', 'agent', '--help')).toContain('--node-name');
    // All of the agent is loaded for that.
    expect(inImage('membrane', 'agent', '--help-config')).toContain('nodeName');
    expect(inImage('membrane', 'cni', 'install')).toContain('/opt/cni/bin/membrane-cni');
    expect(statSync(join(root, 'opt/cni/bin/membrane-cni')).mode & 0o111).toBe(0o111);
    expect(inImage('membrane', 'cni', 'remove')).toContain('05-membrane.conflist');
  });

  it('has the libraries that are loaded by their names', () => {
    const load =
      "import('/opt/membrane/src/datapath/kernel/index.ts').then(({ isBpffs }) => console.log(isBpffs('/')))";
    expect(inImage('/opt/membrane/node_modules/.bin/node', '-e', load)).toBe('false\n');
    const open = "const k = require('/opt/membrane/node_modules/koffi'); k.load('libbpf.so.1'); console.log('good')";
    expect(inImage('/opt/membrane/node_modules/.bin/node', '-e', open)).toBe('good\n');
  });

  it('has nothing that compiles or installs, and no test', () => {
    const names = inImage('/bin/busybox', 'find', '/', '-xdev').split('\n');
    expect(names.filter((name) => /\/(gcc|cc|clang|ld|as|make|apt[a-z-]*|dpkg|npm|npx|python\S*)$/.test(name))).toEqual(
      [],
    );
    expect(names.filter((name) => /\.test\.ts$|testkit/.test(name))).toEqual([]);
    const found = names.filter((name) => /^\/opt\/membrane\/node_modules\/[^/]+$/.test(name)).length;
    expect(found).toBeGreaterThan(10);
    expect(runtimeLibraries(REPOSITORY)).not.toContain('node_modules/vitest');
  });
});
