import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, networkPolicy } from '../../test/scenarios/agent-lab.ts';
import { ContainerdLab, NODE } from '../../test/scenarios/containerd/lab.ts';
import { ManifestPod } from '../../test/scenarios/containerd/manifest-pod.ts';
import { whyNoContainerd } from '../../test/scenarios/containerd/node.ts';
import { runtimeLibraries } from './application.ts';

type Descriptor = { mediaType: string; digest: string; size: number; annotations?: Record<string, string> };
type Manifest = { config: Descriptor; layers: Descriptor[] };
type Config = { architecture: string; os: string; config: { Entrypoint: string[] }; rootfs: { diff_ids: string[] } };

const REPOSITORY = join(import.meta.dirname, '../..');
const IMAGE = join(REPOSITORY, 'build/image');
/** As docs/INSTALL.md has it for a registry. */
const NAME = 'registry.example/membrane:0.1.0';

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

const lacking = whyNoContainerd();

/** A block of docs/INSTALL.md that holds these words. */
function fromInstall(words: string): string {
  const text = readFileSync(join(REPOSITORY, 'docs/INSTALL.md'), 'utf8');
  const found = [...text.matchAll(/```\n(.*?)```/gs)].find(([block]) => block.includes(words));
  if (found === undefined) throw new Error(`INSTALL has no block with ${words}`);
  return found[1] ?? '';
}

describe.skipIf(lacking !== undefined)(`under containerd${lacking === undefined ? '' : ` (no ${lacking})`}`, () => {
  const lab = new ContainerdLab();
  let agent: ManifestPod;

  const command = (block: string, word: string): string[] =>
    block
      .replaceAll(/\\\n/g, ' ')
      .split('\n')
      .find((line) => line.includes(word))
      ?.split('#')[0]
      ?.trim()
      .split(/\s+/) ?? [];

  beforeAll(async () => {
    await lab.up();
    // INSTALL's own overlay, beside what is delivered.
    const kustomization = fromInstall('# my/kustomization.yaml');
    const agentYaml = '        cgroup: /host/sys/fs/cgroup\n';
    mkdirSync(join(lab.dir, 'my'));
    cpSync(join(REPOSITORY, 'deploy'), join(lab.dir, 'deploy'), { recursive: true });
    writeFileSync(
      join(lab.dir, 'my/kustomization.yaml'),
      kustomization.replace('192.0.2.10', '172.18.0.1') + agentYaml,
    );
  });
  afterAll(async () => {
    await lab.down();
  });

  it('is imported, and installed with kubectl, as INSTALL says', async () => {
    await lab.node.run(...command(fromInstall('images import'), 'images import'));
    const applied = await lab.node.run('kubectl', '--kubeconfig', lab.kubeconfig, 'apply', '-k', join(lab.dir, 'my'));
    expect(applied).toContain('daemonset.apps/membrane created');
    agent = new ManifestPod(lab, 'daemonsets', 'membrane', 'membrane');
    await agent.start();
    await eventually('its own probe is content', async () => await agent.isReady());
  });

  it('serves pods, by the plugin that its init container put there', async () => {
    const [web, client] = [await lab.addPod('web', { labels: { app: 'web' } }), await lab.addPod('client')];
    await expect.poll(async () => await lab.ask(client, web.ip)).toBe('web');
    const policy = networkPolicy('web', { podSelector: { matchLabels: { app: 'web' } }, ingress: [] });
    lab.api.store.create('networkpolicies', policy as never, { namespace: 'default' });
    await eventually('the policy is in force', async () => await lab.isSilent(client, web.ip));
    expect((await agent.exec('membrane', 'endpoint', 'list')).stdout).toContain('default/web');
    // A restart of its container: what it pinned is the node's.
    await agent.stopContainer();
    expect(await lab.isSilent(client, web.ip)).toBe(true);
    await expect.poll(async () => await lab.ask(web, client.ip)).toBe('client');
    await agent.startContainer();
    await eventually('it is ready again', async () => await agent.isReady());
    expect(await lab.isSilent(client, web.ip)).toBe(true);
    for (const pod of [web, client]) await lab.removePod(pod);
    await expect
      .poll(async () => (await agent.exec('membrane', 'endpoint', 'list', '-o', 'json')).stdout.trim())
      .toBe('[]');
  });

  it('leaves the node as it was, by the command of INSTALL', async () => {
    const last = await lab.addPod('last');
    await lab.node.cri.stopSandbox(last.sandbox);
    await agent.remove();
    const run = command(fromInstall('ctr -n k8s.io run'), 'ctr ');
    const argv = run.map((word) => word.replace('localhost/membrane:0.1.0', NAME).replace(/^NAME$/, NODE));
    expect(await lab.node.run(...argv)).toContain('/opt/cni/bin/membrane-cni');
    expect((await lab.leftOnNode()).devices).toEqual([]);
    for (const path of ['/opt/cni/bin/membrane-cni', '/etc/cni/net.d/05-membrane.conflist']) {
      expect(existsSync(lab.node.path(path))).toBe(false);
    }
    expect(readdirSync(lab.node.path('/run/membrane'))).toEqual([]);
    expect(readdirSync(lab.node.path('/sys/fs/bpf')).filter((name) => name.startsWith('membrane'))).toEqual([]);
  });
});
