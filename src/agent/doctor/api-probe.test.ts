import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { makeCertificate } from '../../sandbox/apiserver/certificate.ts';
import { probeTargets } from './api-facts.ts';
import { type ProbedApi, probeApi } from './api-probe.ts';
import { judgeApi } from './judge-api.ts';

let server: Server | undefined;
afterEach(() => server?.close());

/** Who answers does so before this on any machine; who never does is waited for no longer than the other. */
const ANSWERS_MS = 60_000;
const SILENT_MS = 300;

async function probe(made: Server, timeoutMs = ANSWERS_MS): Promise<ProbedApi | undefined> {
  server = made.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return await probeApi({ host: '127.0.0.1', port }, { timeoutMs, signal: AbortSignal.timeout(2 * ANSWERS_MS) });
}

const VERSION = { major: '1', minor: '34', gitVersion: 'v1.34.0' };
const REFUSED = [401, { kind: 'Status', apiVersion: 'v1', code: 401 }] as const;

/** Answers by path; everything else as `rest`. */
function api(answers: Readonly<Record<string, unknown>>, rest: readonly [number, unknown] = REFUSED): RequestListener {
  return ({ url = '' }, response) => {
    const [status, body] = url in answers ? [200, answers[url]] : rest;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

const OPEN = {
  '/version': VERSION,
  '/api': { kind: 'APIVersions' },
  '/api/v1/namespaces?limit=1': { kind: 'NamespaceList' },
};

describe('what an API server tells strangers', () => {
  it.each<[string, RequestListener, string | undefined]>([
    ['everything', api(OPEN), 'critical'],
    ['everything but its version', api({ '/api': { kind: 'APIVersions' } }), 'critical'],
    ['its version, as it is public', api({ '/version': VERSION }), 'info'],
    ['its version, and nothing is refused', api({ '/version': VERSION }, [404, {}]), 'critical'],
    ['nothing', api({}), 'info'],
    ['something else in JSON', api({ '/version': { version: '3' } }, [404, {}]), undefined],
    ['text', (_, response) => void response.end('hello'), undefined],
    ['more than anybody reads', (_, response) => void response.end(`"${'x'.repeat(1 << 20)}"`), undefined],
    ['no end', (_, response) => void response.write('{'), undefined],
  ])('over plain HTTP: %s', async (what, listener, severity) => {
    const found = await probe(http.createServer(listener), what === 'no end' ? SILENT_MS : ANSWERS_MS);
    expect(found?.isTls).toBe(severity === undefined ? undefined : false);
    const apis = found === undefined ? [] : [found];
    expect(judgeApi({ apis, probed: 1, skipped: 0 }).map((one) => one.severity)).toEqual([severity ?? 'ok']);
  });

  it.each<[string, RequestListener, string]>([
    ['everything', api(OPEN), 'warning'],
    ['what is public', api({ '/version': VERSION }), 'ok'],
  ])('over TLS: %s', async (_, listener, severity) => {
    const found = await probe(https.createServer(await makeCertificate(['127.0.0.1']), listener));
    expect(found).toMatchObject({ isTls: true, version: 'v1.34.0' });
    const apis = found === undefined ? [] : [found];
    expect(judgeApi({ apis, probed: 1, skipped: 0 }).map((one) => one.severity)).toEqual([severity]);
  });

  it.each<[string, Server]>([
    ['says nothing', createServer()],
    ['hangs up', createServer((socket) => socket.destroy())],
    ['speaks something else', createServer((socket) => socket.end('220 mail\r\n').on('error', () => undefined))],
  ])('a port that %s is none', async (what, made) => {
    expect(await probe(made, what === 'says nothing' ? SILENT_MS : ANSWERS_MS)).toBeUndefined();
  });
});

it('credentials in the clear are worse where others are on the way', () => {
  const found = { port: 8080, isTls: false, version: '', open: [], isGuarded: true };
  const severity = (host: string) => judgeApi({ apis: [{ ...found, host }], probed: 1, skipped: 0 })[0]?.severity;
  expect(['127.0.0.1', '::1', '172.18.0.2'].map(severity)).toEqual(['info', 'info', 'warning']);
});

it('says how many ports were not asked', () => {
  expect(judgeApi({ apis: [], probed: 64, skipped: 3 })).toMatchObject([
    { severity: 'ok' },
    { severity: 'info', evidence: expect.stringMatching(/^3 listening ports were not asked/) },
  ]);
});

it('asks each port once, its own API server and the usual ports first', () => {
  const listening = [
    { host: '0.0.0.0', port: 22 },
    { host: '::', port: 22 },
    { host: '172.18.0.2', port: 6443 },
    { host: '127.0.0.1', port: 9000 },
    { host: '0.0.0.0', port: 8080 },
  ];
  const targets = probeTargets({ host: '127.0.0.1', port: 9000 }, listening);
  expect(targets.map(({ host, port }) => `${host}:${port}`)).toEqual([
    '127.0.0.1:9000',
    '127.0.0.1:8080',
    '172.18.0.2:6443',
    '127.0.0.1:22',
  ]);
});
