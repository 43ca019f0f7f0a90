import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isMembraneError } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { makeCertificate } from '../../sandbox/apiserver/index.ts';
import { certificateFiles, tokenFile } from './credentials.ts';
import { findConnection } from './find-connection.ts';
import { inClusterConnection } from './in-cluster.ts';
import { connectionOf, loadKubeconfig } from './kubeconfig.ts';
import { mergeKubeconfigs } from './kubeconfig-files.ts';

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

const parse = (content: string) => connectionOf(mergeKubeconfigs([{ content, path: join(folder, 'config') }]));
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
    expect(parse(config({})).insecure, 'unless it is asked for').toBe(false);
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
    expect((await parse(config({}, user)).credentials.present()).authorization).toBe(expected);
  });

  test('client certificate and key', async () => {
    const { cert, key } = await makeCertificate(['client']);
    const user = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key), token: 'abc' };
    const shown = { certificate: { cert, key }, authorization: 'Bearer abc' };
    expect(await parse(config({}, user)).credentials.present()).toEqual(shown);
  });

  test('as whom to act', () => {
    const user = { as: 'jane', 'as-groups': ['dev', 'ops'], 'as-user-extra': { 'acme/x': ['1'] } };
    expect(parse(config({}, user)).headers).toEqual({
      'Impersonate-User': 'jane',
      'Impersonate-Group': ['dev', 'ops'],
      'Impersonate-Extra-acme%2Fx': ['1'],
    });
    expect(codeOf(() => parse(config({}, { 'as-groups': ['dev'] })))).toBe('E_KUBE_CONFIG');
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
    ['no certificate', config({}, { 'client-certificate-data': 'eA==', 'client-key-data': 'eA==' }), 'E_KUBE_CONFIG'],
    ['a proxy', config({ 'proxy-url': 'http://p' }), 'E_KUBE_CONFIG'],
    ['what a provider once had', config({}, { 'auth-provider': { name: 'gcp' } }), 'E_KUBE_CONFIG'],
    ['a plugin of no version', config({}, { exec: { command: 'aws' } }), 'E_KUBE_CONFIG'],
    ['an alias, of which bombs are made', `${config({}).slice(0, -1)}, "a": &a [x], "b": [*a, *a]}`, 'E_KUBE_CONFIG'],
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

describe('several files', () => {
  const write = (name: string, content: object) => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(content));
    return path;
  };

  test('say together what one would, the first of a name counts, and paths start at each one’s folder', async () => {
    const clusters = write('one/config', {
      'current-context': '',
      clusters: [{ name: 'k', cluster: { server: 'https://10.0.0.1', 'certificate-authority': '../ca.crt' } }],
      users: [{ name: 'u', user: { tokenFile: 'token' } }],
    });
    const contexts = write('two/config', {
      'current-context': 'c',
      clusters: [{ name: 'k', cluster: { server: 'https://10.0.0.2' } }],
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    });
    writeFileSync(join(folder, 'one/token'), 'of one');
    const list = [clusters, join(folder, 'none'), contexts].join(':');
    const connection = findConnection({}, { KUBECONFIG: list });
    expect(connection.server.href).toBe('https://10.0.0.1/');
    expect(connection.ca).toBe('CA PEM');
    expect(await connection.credentials.present()).toEqual({ authorization: 'Bearer of one' });
  });

  test('none of which is there', () => {
    const list = ['none', 'nor-this'].map((name) => join(folder, name)).join(':');
    expect(codeOf(() => findConnection({}, { KUBECONFIG: list }))).toBe('E_KUBE_CONFIG');
  });
});

test('a token file is read again after a minute, or when it was refused', async () => {
  const path = join(folder, 'rotating');
  const clock = new FakeClock(1);
  const shown = async () => (await credentials.present()).authorization;
  writeFileSync(path, 'one');
  const credentials = tokenFile(path, clock);
  expect(await shown()).toBe('Bearer one');
  writeFileSync(path, 'two');
  expect(await shown()).toBe('Bearer one');
  clock.set(-3_600_000);
  await clock.advance(61_000);
  expect(await shown(), 'whatever the clock says').toBe('Bearer two');
  writeFileSync(path, 'three');
  expect(credentials.refresh({ authorization: 'Bearer two' })).toBe(true);
  expect(await shown()).toBe('Bearer three');
  rmSync(path);
  credentials.refresh({});
  expect(await shown()).toBe('Bearer three');
});

test('certificate files are read again likewise, and only as a pair', async () => {
  const [old, fresh] = await Promise.all([makeCertificate(['old']), makeCertificate(['fresh'])]);
  const paths = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  const clock = new FakeClock(1);
  writeFileSync(paths.cert, old.cert);
  writeFileSync(paths.key, old.key);
  const credentials = certificateFiles(paths, clock);
  const first = await credentials.present();
  await clock.advance(61_000);
  // The same files are the same certificate, so that connections are kept.
  expect((await credentials.present()).certificate).toBe(first.certificate);
  writeFileSync(paths.cert, fresh.cert);
  credentials.refresh(first);
  expect((await credentials.present()).certificate).toBe(first.certificate);
  writeFileSync(paths.key, fresh.key);
  expect((await credentials.present()).certificate).toEqual({ cert: fresh.cert, key: fresh.key });
});

test('in a cluster', async () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
  const connection = inClusterConnection({ env, folder });
  expect(connection).toMatchObject({ ca: 'CA PEM', namespace: 'kube-system', insecure: false });
  expect(connection.server.href).toBe('https://[fd00::1]:6443/');
  expect(await connection.credentials.present()).toEqual({ authorization: 'Bearer from-file' });
  expect(codeOf(() => inClusterConnection({ env: {}, folder }))).toBe('E_KUBE_NOT_IN_CLUSTER');
  expect(codeOf(() => inClusterConnection({ env, folder: '/none' }))).toBe('E_KUBE_NOT_IN_CLUSTER');
  const server = new URL('https://192.0.2.1:6443');
  expect(inClusterConnection({ env: {}, folder, server }).server).toBe(server);
});

test('by an address that is said', () => {
  const kubeconfig = join(folder, 'config');
  writeFileSync(kubeconfig, config({ 'tls-server-name': 'kube' }));
  const connection = findConnection({ kubeconfig, apiServer: '192.0.2.7:6443' }, { KUBECONFIG: '/none' });
  expect([connection.server.href, connection.serverName]).toEqual(['https://192.0.2.7:6443/', 'kube']);
  expect(codeOf(() => findConnection({}, {}))).toBe('E_KUBE_NOT_IN_CLUSTER');
  expect(codeOf(() => findConnection({ kubeconfig, apiServer: 'ftp://x' }, {}))).toBe('E_KUBE_CONFIG');
});
