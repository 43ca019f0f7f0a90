import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isMembraneError } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { tokenFile } from './credentials.ts';
import { inClusterConnection } from './in-cluster.ts';
import { loadKubeconfig, parseKubeconfig } from './kubeconfig.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'membrane-kubeconfig-'));
  writeFileSync(join(folder, 'ca.crt'), 'CA PEM');
  writeFileSync(join(folder, 'token'), 'from-file\n');
  writeFileSync(join(folder, 'namespace'), 'kube-system\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

function config(cluster: object, user: object = {}, context: object = {}): string {
  return JSON.stringify({
    'current-context': 'c',
    clusters: [{ name: 'k', cluster: { server: 'https://10.0.0.1:6443', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u', ...context } }],
  });
}

const parse = (content: string) => parseKubeconfig(content, { path: join(folder, 'config') });
const codeOf = (run: () => unknown) => {
  try {
    run();
    return 'no error';
  } catch (error) {
    return isMembraneError(error) ? error.code : String(error);
  }
};
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('what is read', () => {
  test('authority as data or file, insecure, server name, namespace', () => {
    expect(parse(config({ 'certificate-authority-data': base64('PEM') })).ca).toBe('PEM');
    expect(parse(config({ 'certificate-authority': 'ca.crt' })).ca).toBe('CA PEM');
    expect(parse(config({ 'insecure-skip-tls-verify': true })).insecure).toBe(true);
    expect(parse(config({ 'tls-server-name': 'kube' })).serverName).toBe('kube');
    expect(parse(config({}, {}, { namespace: 'x' })).namespace).toBe('x');
    expect(parse(config({})).server.href).toBe('https://10.0.0.1:6443/');
  });

  test.each([
    [{}, undefined],
    [{ token: 'abc' }, 'Bearer abc'],
    [{ tokenFile: 'token' }, 'Bearer from-file'],
    [{ tokenFile: 'token', token: 'abc' }, 'Bearer from-file'],
    [{ username: 'me', password: 'p' }, `Basic ${base64('me:p')}`],
  ])('user %j', async (user, expected) => {
    expect(await parse(config({}, user)).credentials.authorization()).toBe(expected);
  });

  test('client certificate and key', () => {
    const user = { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') };
    expect(parse(config({}, user))).toMatchObject({ cert: 'CERT', key: 'KEY' });
  });
});

describe('what is refused', () => {
  test.each([
    ['not YAML', '{', 'E_KUBE_CONFIG'],
    ['a list', '[]', 'E_KUBE_CONFIG'],
    ['nothing', '', 'E_KUBE_CONFIG'],
    ['no context', '{}', 'E_KUBE_CONFIG'],
    ['an unknown context', '{"current-context": "x"}', 'E_KUBE_CONFIG'],
    ['an unknown cluster', config({}, {}, { cluster: 'other' }), 'E_KUBE_CONFIG'],
    ['an unknown user', config({}, {}, { user: 'other' }), 'E_KUBE_CONFIG'],
    ['a server that is no URL', config({ server: 'ftp://x' }), 'E_KUBE_CONFIG'],
    ['a missing authority', config({ 'certificate-authority': 'none.crt' }), 'E_KUBE_CONFIG'],
    ['a certificate without key', config({}, { 'client-certificate-data': 'eA==' }), 'E_KUBE_CONFIG'],
    ['a proxy', config({ 'proxy-url': 'http://p' }), 'E_KUBE_CONFIG'],
    ['a plugin', config({}, { exec: { command: 'aws' } }), 'E_KUBE_EXEC_AUTH'],
    ['an alias bomb', 'a: &a [x]\nb: [*a, *a]', 'E_KUBE_CONFIG'],
  ])('%s', (_, content, code) => expect(codeOf(() => parse(content))).toBe(code));

  test('an error never shows a secret', () => {
    try {
      parse(config({}, { token: { hidden: 'hunter2' } }));
      expect.unreachable();
    } catch (error) {
      expect(String(error)).toContain('users.0.user.token');
      expect(String(error)).not.toContain('hunter2');
    }
  });

  test('a file that is not there', () => {
    expect(codeOf(() => loadKubeconfig(join(folder, 'none')))).toBe('E_KUBE_CONFIG');
  });
});

test('a token file is read again after a minute, or when it was refused', async () => {
  const path = join(folder, 'rotating');
  const clock = new FakeClock(1);
  writeFileSync(path, 'one');
  const credentials = tokenFile(path, clock);
  expect(await credentials.authorization()).toBe('Bearer one');
  writeFileSync(path, 'two');
  expect(await credentials.authorization()).toBe('Bearer one');
  await clock.advance(61_000);
  expect(await credentials.authorization()).toBe('Bearer two');
  writeFileSync(path, 'three');
  expect(credentials.refresh()).toBe(true);
  expect(await credentials.authorization()).toBe('Bearer three');
  rmSync(path);
  credentials.refresh();
  expect(await credentials.authorization()).toBe('Bearer three');
});

test('in a cluster', async () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
  const connection = inClusterConnection({ env, folder });
  expect(connection).toMatchObject({ ca: 'CA PEM', namespace: 'kube-system', insecure: false });
  expect(connection.server.href).toBe('https://[fd00::1]:6443/');
  expect(await connection.credentials.authorization()).toBe('Bearer from-file');
  expect(codeOf(() => inClusterConnection({ env: {}, folder }))).toBe('E_KUBE_NOT_IN_CLUSTER');
  expect(codeOf(() => inClusterConnection({ env, folder: '/none' }))).toBe('E_KUBE_NOT_IN_CLUSTER');
});
