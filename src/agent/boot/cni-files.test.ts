import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseNetworkList } from '../../sandbox/kubelet/cni-config.ts';
import { type CniFolders, installCni, removeCni } from './cni-files.ts';

let root: string;
let folders: CniFolders;
let plugin: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'membrane-cni-'));
  folders = { binDir: join(root, 'opt/cni/bin'), confDir: join(root, 'etc/cni/net.d') };
  plugin = join(root, 'built');
  writeFileSync(plugin, 'the program', { mode: 0o755 });
});
afterEach(() => rmSync(root, { recursive: true }));

const list = () => [folders.binDir, folders.confDir].map((folder) => readdirSync(folder).toSorted());

it('puts a plugin that can be executed, and a configuration that runtimes understand', () => {
  expect(installCni(folders, plugin)).toEqual({
    written: [join(folders.binDir, 'membrane-cni'), join(folders.confDir, '05-membrane.conflist')],
    before: [],
    absent: [join(folders.binDir, 'loopback')],
  });
  writeFileSync(join(folders.binDir, 'loopback'), 'of others');
  expect(statSync(join(folders.binDir, 'membrane-cni')).mode & 0o777).toBe(0o755);
  const text = readFileSync(join(folders.confDir, '05-membrane.conflist'), 'utf8');
  expect(parseNetworkList(text, 'ours')).toMatchObject({ name: 'membrane', plugins: [{ type: 'membrane-cni' }] });
  expect(installCni(folders, plugin)).toEqual({ written: [], before: [], absent: [] });
  expect(list()).toEqual([['loopback', 'membrane-cni'], ['05-membrane.conflist']]);
});

it('replaces what a runtime may be executing, and leaves a whole file whatever was in the way', () => {
  installCni(folders, plugin);
  const old = statSync(join(folders.binDir, 'membrane-cni')).ino;
  writeFileSync(plugin, 'a newer program');
  writeFileSync(join(folders.binDir, '.membrane-cni.new'), 'of a crash');
  expect(installCni(folders, plugin).written).toEqual([join(folders.binDir, 'membrane-cni')]);
  expect(statSync(join(folders.binDir, 'membrane-cni')).ino).not.toBe(old);
  expect(readFileSync(join(folders.binDir, 'membrane-cni'), 'utf8')).toBe('a newer program');
  expect(list()[0]).toEqual(['membrane-cni']);
});

it('leaves what is others’ alone, says what goes before it, and removes its own only', () => {
  mkdirSync(folders.binDir, { recursive: true });
  mkdirSync(folders.confDir, { recursive: true });
  writeFileSync(join(folders.binDir, 'bridge'), 'x');
  for (const name of ['00-multus.conf', '04-notes.txt', '10-flannel.conflist'])
    writeFileSync(join(folders.confDir, name), '{}');
  const before = list();
  expect(installCni(folders, plugin).before).toEqual([join(folders.confDir, '00-multus.conf')]);
  expect(removeCni(folders)).toEqual([
    join(folders.confDir, '05-membrane.conflist'),
    join(folders.binDir, 'membrane-cni'),
  ]);
  expect(list()).toEqual(before);
  expect(removeCni(folders)).toEqual([]);
});

it('says what it cannot write', () => {
  writeFileSync(join(root, 'opt'), 'a file');
  expect(() => installCni(folders, plugin)).toThrow(expect.objectContaining({ code: 'E_AGENT_CNI_FILES' }));
  expect(removeCni(folders)).toEqual([]);
});
