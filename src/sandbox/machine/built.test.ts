import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DATAPATH_STAMP, datapathSources, requireBuilt } from './built.ts';

const POD_INIT = 'src/sandbox/kubelet/pod-init/main.c';

let root: string;

function put(path: string, text = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Seconds since the epoch. */
const touch = (path: string, time: number): void => utimesSync(join(root, path), time, time);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mbr-built-'));
  put('bpf/judge.bpf.c', '#include "lib/judge.h"');
  put('bpf/lib/judge.h', 'int judge;');
  put('cni/membrane-cni.c');
  put(POD_INIT);
  for (const source of ['cni/membrane-cni.c', POD_INIT]) touch(source, 1_000);
  for (const name of ['judge.bpf.o', 'membrane-cni', 'membrane-pod']) put(`build/${name}`);
  put(DATAPATH_STAMP, `${datapathSources(root)} compiler`);
});

afterEach(() => rmSync(root, { recursive: true }));

const built = (): void => requireBuilt(root);

it('is content with what was built of what is there', () => {
  built();
});

it.each([
  ['an object is missing', () => rmSync(join(root, 'build/judge.bpf.o')), 'without judge.bpf.o'],
  ['a program is missing', () => rmSync(join(root, 'build/membrane-pod')), 'without membrane-pod'],
  ['one more source of the datapath', () => put('bpf/sock.bpf.c'), 'without sock.bpf.o'],
  ['a header of the datapath changed', () => put('bpf/lib/judge.h', 'long judge;'), 'not what bpf/ says'],
  ['one was added', () => put('bpf/lib/new.h'), 'not what bpf/ says'],
  ['nobody says what it was built of', () => rmSync(join(root, DATAPATH_STAMP)), 'not what bpf/ says'],
  ['a program is older than its source', () => touch('build/membrane-pod', 999), 'membrane-pod is older than'],
])('refuses when %s', (_, change, why) => {
  change();
  expect(built).toThrow(
    expect.objectContaining({ code: 'E_SANDBOX_NOT_BUILT', message: expect.stringContaining(why) }),
  );
});

it('does not mind when sources were only copied', () => {
  cpSync(join(root, 'bpf'), join(root, 'copy'), { recursive: true });
  rmSync(join(root, 'bpf'), { recursive: true });
  cpSync(join(root, 'copy'), join(root, 'bpf'), { recursive: true });
  built();
});
