import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorMessage, isMembraneError } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { type Certificate, makeCertificate } from '../../sandbox/apiserver/index.ts';
import { KubeClient } from '../client.ts';
import type { Credentials } from './connection.ts';
import { type ExecConfig, execPlugin } from './exec-plugin.ts';
import { connectionOf } from './kubeconfig.ts';
import { mergeKubeconfigs } from './kubeconfig-files.ts';
import { runPlugin } from './plugin-process.ts';

const V1 = 'client.authentication.k8s.io/v1';
const V1BETA1 = 'client.authentication.k8s.io/v1beta1';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'membrane-plugin-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => rmSync(join(folder, 'runs'), { force: true }));

/** A plugin of the shell, beside the kubeconfig; each run leaves a line in `runs`. */
function script(body: string): string {
  const path = join(folder, 'plugin');
  writeFileSync(path, `#!/bin/sh\necho run >> "${folder}/runs"\n${body}\n`);
  chmodSync(path, 0o755);
  return './plugin';
}

const runs = () =>
  existsSync(join(folder, 'runs')) ? readFileSync(join(folder, 'runs'), 'utf8').split('\n').length - 1 : 0;

const answer = (status: object, apiVersion = V1) => JSON.stringify({ apiVersion, kind: 'ExecCredential', status });
const says = (status: object, apiVersion = V1) => script(`cat <<'END'\n${answer(status, apiVersion)}\nEND`);

function plugin(command: string, more: Partial<ExecConfig> = {}, clock = new FakeClock(0)): Credentials {
  const config = { apiVersion: V1, command, interactiveMode: 'Never', ...more } as ExecConfig;
  return execPlugin({ config, folder, clock });
}

const failureOf = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isMembraneError(error, 'E_KUBE_EXEC_AUTH') ? error.message : errorMessage(error);
};

describe('what a plugin is told', () => {
  test('arguments, variables beside ours, and what it is for', async () => {
    const command = script(
      `printf '%s' "$KUBERNETES_EXEC_INFO" > "${folder}/info"\ntest -z "$HOME" && exit 3\nprintf '{"apiVersion":"${V1BETA1}","kind":"ExecCredential","status":{"token":"%s"}}' "$1-$2-$STAGE"`,
    );
    const exec = {
      apiVersion: V1BETA1,
      command,
      args: ['get', 'token'],
      env: [{ name: 'STAGE', value: 'prod' }],
      provideClusterInfo: true,
    };
    const kubeconfig = {
      'current-context': 'c',
      clusters: [
        {
          name: 'k',
          cluster: {
            server: 'https://192.0.2.1:6443',
            'tls-server-name': 'kube',
            'certificate-authority-data': Buffer.from('CA').toString('base64'),
            extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'us' } }],
          },
        },
      ],
      users: [{ name: 'u', user: { exec } }],
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    };
    const content = JSON.stringify(kubeconfig);
    const { credentials } = connectionOf(mergeKubeconfigs([{ content, path: join(folder, 'config') }]));
    expect(await credentials.present()).toEqual({ authorization: 'Bearer get-token-prod' });
    expect(JSON.parse(readFileSync(join(folder, 'info'), 'utf8'))).toEqual({
      apiVersion: V1BETA1,
      kind: 'ExecCredential',
      spec: {
        interactive: false,
        cluster: {
          server: 'https://192.0.2.1:6443',
          'tls-server-name': 'kube',
          'certificate-authority-data': 'Q0E=',
          config: { audience: 'us' },
        },
      },
    });
  });

  test('nothing of the cluster unless it is to be', async () => {
    const command = script(`printf '%s' "$KUBERNETES_EXEC_INFO" > "${folder}/info"; echo '${answer({ token: 't' })}'`);
    await execPlugin({
      config: { apiVersion: V1, command, interactiveMode: 'IfAvailable' },
      folder,
      cluster: { server: 'https://192.0.2.1' },
    }).present();
    expect(JSON.parse(readFileSync(join(folder, 'info'), 'utf8'))).toMatchObject({ spec: { interactive: false } });
    expect(readFileSync(join(folder, 'info'), 'utf8')).not.toContain('192.0.2.1');
  });
});

describe('how long its answer holds', () => {
  test('without a time until it is refused; asked once for many', async () => {
    const credentials = plugin(says({ token: 'one' }));
    const all = await Promise.all(Array.from({ length: 8 }, () => credentials.present()));
    expect([new Set(all).size, runs()]).toEqual([1, 1]);
    says({ token: 'two' });
    expect(await credentials.present()).toEqual({ authorization: 'Bearer one' });
    for (const refused of all) credentials.refresh(refused);
    expect(await credentials.present()).toEqual({ authorization: 'Bearer two' });
    // Somebody who learns late that the first was refused has no third fetched.
    credentials.refresh(all[0] ?? {});
    await credentials.present();
    expect(runs()).toBe(2);
  });

  test('until it expires, but no plugin is asked without a pause', async () => {
    const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
    const credentials = plugin(says({ token: 'one', expirationTimestamp: '2026-01-01T01:00:00+00:00' }), {}, clock);
    await credentials.present();
    await clock.advance(3_599_000);
    await credentials.present();
    expect(runs()).toBe(1);
    await clock.advance(1_000);
    await credentials.present();
    await credentials.present();
    expect(runs()).toBe(2);
  });

  test('a failure is told to all for a while', async () => {
    const clock = new FakeClock(0);
    const credentials = plugin(script('echo no session >&2; exit 7'), {}, clock);
    expect(await failureOf(credentials.present())).toMatch(/plugin: it ended with 7: no session$/);
    await failureOf(credentials.present());
    expect(runs()).toBe(1);
    clock.set(-3_600_000);
    await clock.advance(5_001);
    says({ token: 'well' });
    expect(await credentials.present()).toEqual({ authorization: 'Bearer well' });
  });
});

describe('what is no answer', () => {
  test.each([
    ['not JSON', "echo 'Please log in'", /no ExecCredential/],
    ['another version', `echo '${answer({ token: 't' }, V1BETA1)}'`, /in another version than client.*\/v1$/],
    ['no status', `echo '{"apiVersion":"${V1}","kind":"ExecCredential"}'`, /status/],
    ['nothing in it', `echo '${answer({})}'`, /neither a token nor a certificate/],
    ['half a pair', `echo '${answer({ clientCertificateData: 'x' })}'`, /one of a certificate and its key/],
    ['an expiry that is none', `echo '${answer({ token: 'hunter2', expirationTimestamp: 'soon' })}'`, /expiration/],
    ['a signal', 'kill -9 $$', /ended with SIGKILL/],
  ])('%s', async (_, body, why) => {
    const said = await failureOf(plugin(script(body)).present());
    expect(said).toMatch(why);
    expect(said).not.toContain('hunter2');
  });

  test('a command that is not there, with what its maker says', async () => {
    const said = await failureOf(plugin('./none', { installHint: 'Install it.' }).present());
    expect(said).toMatch(/cannot be started: .*ENOENT.*; Install it\./);
  });

  test('one that wants somebody at a terminal, or says nothing of it', () => {
    expect(() => plugin('./plugin', { interactiveMode: 'Always' })).toThrow(/terminal/);
    expect(() => plugin('./plugin', { interactiveMode: undefined })).toThrow(/interactiveMode/);
    expect(() => plugin('./plugin', { interactiveMode: undefined, apiVersion: V1BETA1 })).not.toThrow();
  });
});

describe('its process', () => {
  const run = (body: string, limits: { timeoutMs: number; maxBytes: number }) =>
    runPlugin({ command: 'sh', args: ['-c', body], env: process.env }, limits);

  test('and what it starts ends when it takes too long or talks too much', async () => {
    const body = `sleep 1000 & echo $! > "${folder}/child"; wait`;
    // Until a shell has begun within that time.
    for (let timeoutMs = 500; !existsSync(join(folder, 'child')); timeoutMs *= 2) {
      const said = await failureOf(run(body, { timeoutMs, maxBytes: 100 }));
      expect(said).toContain(`no answer within ${timeoutMs} ms`);
    }
    const child = Number(readFileSync(join(folder, 'child'), 'utf8'));
    await expect.poll(() => isAlive(child)).toBe(false);
    expect(await failureOf(run('yes', { timeoutMs: 60_000, maxBytes: 10_000 }))).toMatch(/more than 10000 bytes/);
  });

  test('has no input, and may leave somebody behind who holds its output', async () => {
    const limits = { timeoutMs: 60_000, maxBytes: 100 };
    expect(await run('cat; echo done; sleep 1000 &', limits)).toBe('done\n');
  });
});

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

describe('against a server', () => {
  let certificate: Certificate;
  let clients: Certificate[];
  let server: Server;
  let url: string;
  /** What the server accepts: a header, or a client's certificate by its text. */
  let accepted: string;
  const seen: string[] = [];

  beforeAll(async () => {
    [certificate, ...clients] = (await Promise.all(
      ['127.0.0.1', 'client-a', 'client-b'].map((name) => makeCertificate([name])),
    )) as [Certificate, ...Certificate[]];
  });
  beforeEach(async () => {
    seen.length = 0;
    const { cert, key } = certificate;
    server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (request, response) => {
      const shown = (request.socket as TLSSocket).getPeerX509Certificate()?.toString() ?? request.headers.authorization;
      seen.push(shown ?? 'nothing');
      const isGood = shown?.trim() === accepted.trim();
      response.writeHead(isGood ? 200 : 401).end(JSON.stringify(isGood ? { gitVersion: 'v1' } : { kind: 'Status' }));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const clientOf = (credentials: Credentials) =>
    new KubeClient({ server: new URL(url), ca: certificate.ca, insecure: false, credentials, namespace: 'default' });

  test('a token that the server does not take any more is fetched anew, once for all requests', async () => {
    accepted = 'Bearer one';
    const client = clientOf(plugin(says({ token: 'one' })));
    expect(await client.version()).toBe('v1');
    accepted = 'Bearer two';
    says({ token: 'two' });
    await Promise.all(Array.from({ length: 5 }, () => client.version()));
    expect(runs()).toBe(2);
    accepted = 'nobody';
    await expect(client.version()).rejects.toThrow(expect.objectContaining({ code: 'E_KUBE_UNAUTHORIZED' }));
    client.close();
  });

  test('a certificate of the plugin is shown, and another one on new connections', async () => {
    const [first, second] = clients.map(({ cert, key }) => ({ clientCertificateData: cert, clientKeyData: key }));
    accepted = first?.clientCertificateData ?? '';
    const client = clientOf(plugin(says(first ?? {})));
    expect([await client.version(), await client.version()]).toEqual(['v1', 'v1']);
    accepted = second?.clientCertificateData ?? '';
    says(second ?? {});
    expect(await client.version()).toBe('v1');
    expect(new Set(seen).size).toBe(2);
    client.close();
  });
});
