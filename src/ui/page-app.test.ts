import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { AdminServer } from '../api/server.ts';
import { fakeAdmin } from '../api/testkit.ts';
import { Lifecycle, silentLogger } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { AgentLinks } from './agent-links.ts';
import { readConfig } from './config.ts';
import type { PageMessage } from './messages.ts';
import { type PageFile, pageFiles } from './page-files.ts';
import { PageServer } from './page-server.ts';
import { PageStage } from './testkit.ts';

type Answer = { readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: string };

/** fetch() would not send a Host of somebody else. */
async function ask(url: string, options: http.RequestOptions = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  http.request(url, options, resolve).on('error', reject).end();
  const response = await promise;
  const parts: Buffer[] = [];
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts).toString() };
}

const FILES = new Map<string, PageFile>([
  ['/', { body: new TextEncoder().encode('<!doctype html>'), type: 'text/html', isNamedByContent: false }],
]);

describe("the page's server", () => {
  let stage: PageStage;
  let url: string;
  /** By which what is proved grows old. */
  const clock = new FakeClock();

  beforeAll(async () => {
    stage = await new PageStage(
      [
        { namespace: 'a', pod: 'web' },
        { namespace: 'b', pod: 'api' },
      ],
      { files: FILES, clock },
    ).start();
    ({ url } = stage.page);
  });
  afterAll(async () => await stage.stop());

  it('gives the page with nothing inline, and in no frame', async () => {
    const { status, headers, body } = await ask(url);
    expect([status, body]).toEqual([200, '<!doctype html>']);
    const policy = headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
    // Scripts and styles of its own, no form that goes anywhere, no base, no plug-in, and no text that becomes script.
    expect(new Set(policy?.toString().split('; '))).toEqual(
      new Set([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ]),
    );
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    expect(headers['set-cookie']).toBeUndefined();
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it.each([
    ['a name that leads here', { host: 'evil.example' }, 403],
    ['a name that leads here, with our port', { host: 'evil.example:4280' }, 403],
    ['a name that begins like ours', { host: '127.0.0.1.evil.example' }, 403],
    ['an address that is not loopback', { host: '10.0.0.1:4280' }, 403],
    ['a page from elsewhere', { origin: 'http://evil.example' }, 403],
    ['a page from another port', { origin: 'http://127.0.0.1:1' }, 403],
    ['a page in a frame', { origin: 'null' }, 403],
    ['an image of another page', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a page of the same site', { 'sec-fetch-site': 'same-site' }, 403],
    ['who typed the address of data', { 'sec-fetch-site': 'none' }, 403],
    ['the page', { 'sec-fetch-site': 'same-origin' }, 200],
    ['localhost', { host: 'localhost:80' }, 200],
    ['curl', {}, 200],
  ])('answers %s as it should', async (_, headers, status) => {
    const answer = await ask(`${url}api/view?until=1000`, { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-security-policy']).toBeDefined();
    if (status === 403) expect(answer.body).toContain('E_UI_ORIGIN');
    if (status === 403) expect(answer.body).not.toContain('"kind"');
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('changes nothing by %s', async (method) => {
    expect((await ask(`${url}api/view`, { method, headers: { origin: url.slice(0, -1) } })).status).toBe(405);
    expect((await ask(`${url}api/view`, { method })).status).toBe(403);
  });

  it.each([
    '/../package.json',
    '/%2e%2e/package.json',
    '/assets/..%2f..%2fpackage.json',
    '/.ui-sources',
    '/api',
    '/api/x',
  ])('has no file %s', async (path) => {
    expect((await ask(url, { path })).status).toBe(404);
  });

  it.each([
    ['a slip of the pen', 'q=verdct:dropped', 'there is no field'],
    ['no time', 'until=x', 'until is not a number'],
    ['a short window', 'window=1', 'window: 10 to 900 seconds'],
    ['a window that is no number', 'window=1e9', 'window is not a number'],
    ['many terms', `q=${'port:1%20'.repeat(65)}`, 'more than 64 terms'],
    ['many words', `q=${Array.from({ length: 65 }, (_, i) => `w${i}`).join(',')}`, 'more than 64 values'],
    ['what is looked for in each flow for long', `q=${'a,b,c,d,e%20'.repeat(13)}`, 'too much to look for'],
    [
      'many CIDRs',
      `q=from:${Array.from({ length: 33 }, (_, i) => `10.0.${i}.0/24`).join(',')}`,
      'too much to look for',
    ],
    ['names of many parts', `q=pod:${'a*'.repeat(300)}`, 'too much to look for'],
    [
      'mutes that are so together',
      Array.from({ length: 5 }, () => `mute=${'a,b,c%20'.repeat(5)}`).join('&'),
      'mutes: too much',
    ],
    ['many mutes', Array.from({ length: 33 }, (_, i) => `mute=port:${i}`).join('&'), 'more than 32 mutes'],
  ])('refuses %s', async (_, query, why) => {
    const { status, body } = await ask(`${url}api/view?${query}&until=1000`);
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'E_UI_QUERY', message: expect.stringContaining(why) } });
  });

  it.each([
    'why',
    'why?node=node-1&from=a/b&to=c/d&protocol=GRE',
    'why?node=node-1&from=a/b&to=c/d&protocol=TCP&port=65536',
    'why?node=node-1&from=a/b&to=c/d&protocol=TCP&port=1&proposed=x',
    `why?node=node-1&from=${'a'.repeat(600)}&to=c/d&protocol=TCP`,
    'why?node=elsewhere&from=a/b&to=c/d&protocol=TCP',
    `verify?from=${'a'.repeat(300)}&to=b`,
  ])('asks no agent %s', async (path) => {
    const { status, body } = await ask(`${url}api/${path}`);
    expect([status, JSON.parse(body)]).toMatchObject([400, { error: { code: expect.stringMatching(/^E_UI_/) } }]);
  });

  it.each([
    ['four times what would let something pass', 'why', 'why?node=node-1&from=a/web&to=b/api&protocol=TCP', 4],
    ['twice what opens between two tenants', 'verify', 'verify?from=a&to=b', 2],
  ] as const)('asks agents %s at a time', async (_, route, path, most) => {
    const [agent] = stage.agents;
    if (agent === undefined) throw new Error('no agent');
    let asked = 0;
    const { promise: answer, resolve: release } = Promise.withResolvers<void>();
    const tooMany = Promise.withResolvers<Answer>();
    agent.admin[route] = async () => {
      asked += 1;
      if (asked > most) tooMany.resolve({ status: 0, headers: {}, body: '"an agent is asked"' });
      await answer;
      throw new Error('thought about it');
    };
    const waiting = Array.from({ length: most }, async () => await ask(`${url}api/${path}`));
    await expect.poll(() => asked).toBe(most);
    const { status, body } = await Promise.race([ask(`${url}api/${path}`), tooMany.promise]);
    expect([status, JSON.parse(body)]).toMatchObject([503, { error: { code: 'E_UI_FULL' } }]);
    expect(asked).toBe(most);
    release();
    await Promise.all(waiting);
    expect((await ask(`${url}api/${path}`)).status).not.toBe(503);
    expect(asked).toBe(most + 1);
  });

  it('has nodes prove it once for all who ask within five seconds', async () => {
    const [agent] = stage.agents;
    if (agent === undefined) throw new Error('no agent');
    let asked = 0;
    agent.admin.verify = async () => {
      asked += 1;
      throw new Error('not proved');
    };
    await clock.advance(5_000);
    for (let i = 0; i < 3; i += 1) {
      await Promise.all(Array.from({ length: 10 }, async () => await ask(`${url}api/verify`)));
      await clock.advance(2_000);
      expect(asked).toBe(1);
    }
    await ask(`${url}api/verify`);
    expect(asked).toBe(2);
  });

  it('tells nobody who would not hear it, and keeps no place for him', async () => {
    for (let i = 0; i < 40; i += 1) expect((await ask(`${url}api/view`, { method: 'HEAD' })).status).toBe(405);
    expect((await ask(url, { method: 'HEAD' })).status).toBe(200);
    expect((await ask(`${url}api/view?until=1000`)).status).toBe(200);
  });

  it('takes so many mutes of the longest names as there may be', async () => {
    const name = `${'n'.repeat(63)}/${'p'.repeat(253)}`;
    const mute = encodeURIComponent(`from:${name} to:${name} reason:policy-ingress`);
    const asked = Array.from({ length: 32 }, (_, i) => `mute=${mute}${i}`).join('&');
    expect((await ask(`${url}api/view?until=1000&${asked}`)).status).toBe(200);
  });

  it('takes so many pages and no more, and the next when one has gone', async () => {
    const endings = Array.from({ length: 32 }, () => new AbortController());
    const open = await Promise.all(endings.map(async ({ signal }) => await fetch(`${url}api/view`, { signal })));
    expect(new Set(open.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await ask(`${url}api/view`)).status).toBe(503);
    for (const ending of endings) ending.abort();
    await expect.poll(async () => (await ask(`${url}api/view?until=1000`)).status).toBe(200);
  });

  it('tells every flow that there is exactly once, listed or counted, and every drop', async () => {
    const before = Date.now();
    for (let i = 0; i < 3_000; i += 1) {
      if (i % 2 === 0) stage.drop('a/web', 'b/api', { sourcePort: 1_000 + i, destinationPort: 1 + (i % 700) });
      else stage.flow('b/api', 'a/web');
    }
    for (const [query, all] of [
      ['', 3_000],
      ['q=verdict:dropped', 3_000],
      ['mute=&mute=%20', 3_000],
      ['mute=from:a/web', 3_000],
    ] as const) {
      const told = await read(`${url}api/view?until=${Date.now() + 1_000}&window=900&${query}`);
      const counted = told.findLast((message) => message.kind === 'counted')?.counted;
      const rows = told.flatMap((message) => (message.kind === 'rows' ? message.rows : []));
      const drops = rows.filter(({ flow }) => flow.verdict === 'dropped');
      expect(Object.values(counted ?? {}).reduce((a, b) => a + b, 0)).toBe(all);
      expect(drops.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(query.startsWith('mute=from') ? 0 : 1_500);
      expect(counted?.muted).toBe(query.startsWith('mute=from') ? 1_500 : 0);
      const edges = told.flatMap((message) => (message.kind === 'totals' ? message.edges : []));
      const sum = edges.reduce((total, [, , forwarded, dropped]) => total + forwarded + dropped, 0);
      expect(sum).toBe(query === '' || query.startsWith('mute=&') ? 3_000 : 1_500);
    }
    const none = await read(`${url}api/view?until=${before - 60_000}&window=10`);
    expect(none.filter(({ kind }) => kind === 'rows')).toEqual([]);
    expect(none.at(-1)).toEqual({ kind: 'end', more: false });
  });

  it('serves on loopback only, and only a sandbox', async () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '192.168.1.1']) {
      const server = new PageServer({ ...stage.options, host, files: FILES });
      await expect(server.start(new Lifecycle({ log: silentLogger }))).rejects.toMatchObject({ code: 'E_UI_HOST' });
      // TLS does not say who looks.
      const tls = { certFile: '/nowhere', keyFile: '/nowhere' };
      const secure = new PageServer({ ...stage.options, host, tls, files: FILES });
      await expect(secure.start(new Lifecycle({ log: silentLogger }))).rejects.toMatchObject({ code: 'E_UI_HOST' });
    }
    expect(() => readConfig({ env: {}, flags: { listen: { host: 'localhost' } } })).toThrow(/listen.host/);
    const folder = await mkdtemp(join(tmpdir(), 'membrane-ui-'));
    const [agentsDir, sandboxDir] = [join(folder, 'run'), join(folder, 'sandbox')];
    const agents = ['node-1', 'worker-1'].map(
      (node) => new AdminServer({ admin: fakeAdmin(), socketPath: join(agentsDir, node, 'admin.sock') }),
    );
    for (const agent of agents) await agent.start();
    await mkdir(join(sandboxDir, 'node-1'), { recursive: true });
    const links = new AgentLinks({ agentsDir, sandboxDir });
    await links.look();
    expect(links.all.map(({ node }) => node)).toEqual(['node-1']);
    for (const agent of agents) await agent.stop();
    await links.look();
    expect(links.all).toEqual([]);
    await rm(folder, { recursive: true });
  });
});

test('of what is built the kinds of files that a page has are served, and nothing without a page', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'membrane-ui-'));
  await expect(pageFiles(join(folder, 'none'))).rejects.toMatchObject({ code: 'E_UI_NOT_BUILT' });
  await writeFile(join(folder, 'index.js'), '');
  await writeFile(join(folder, 'sources.map'), '');
  await expect(pageFiles(folder)).rejects.toMatchObject({ code: 'E_UI_NOT_BUILT' });
  await writeFile(join(folder, 'index.html'), '');
  expect([...(await pageFiles(folder)).keys()].toSorted()).toEqual(['/', '/index.html', '/index.js']);
  await rm(folder, { recursive: true });
});

async function read(url: string): Promise<PageMessage[]> {
  const { body } = await ask(url);
  return body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as PageMessage);
}
