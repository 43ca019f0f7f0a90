import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import type { PageMessage } from './messages.ts';
import type { PageFile } from './page-files.ts';
import { PageServer } from './page-server.ts';
import { Sessions } from './sessions.ts';
import { between, ClusterStage } from './test-cluster.ts';

const FILES = new Map<string, PageFile>([
  ['/', { body: new TextEncoder().encode('<!doctype html>'), type: 'text/html', isNamedByContent: false }],
]);

type Asked = https.RequestOptions & { readonly body?: string };

describe("a cluster's page", () => {
  let stage: ClusterStage;
  let origin: string;
  /** A minute that has all flows of these tests. */
  let past: string;

  beforeAll(async () => {
    stage = await new ClusterStage({ files: FILES, names: ['Page.example'], isSecure: true }).start();
    origin = stage.url.slice(0, -1);
    past = `api/view?until=${stage.began + 30_000}&window=60`;
    stage.hub.publish(between(1, 2), between(2, 3), between(2, 1), {
      ...between(1, 3),
      type: 'drop',
      reason: 'policy-ingress',
    });
  });
  afterAll(async () => await stage.stop());
  beforeEach(async () => {
    // What was said of rights before is not known any more.
    await stage.clock.advance(20_000);
    stage.tokens.set('token-of-shop', 'shopkeeper').set('token-of-all', 'admin').set('token-of-none', 'nobody');
    stage.grant('shopkeeper list flows shop', 'shopkeeper watch flows shop', 'shopkeeper get flows/identity bank');
    stage.grant('admin list flows ', 'admin watch flows ', 'alice list flows bank', 'alice watch flows bank');
  });
  afterEach(() => {
    stage.answers = true;
  });

  async function send(path: string, { body, ...options }: Asked = {}): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const agent = new https.Agent({ maxCachedSessions: 0 });
    https
      .request(stage.url + path, { ca: stage.secret('ca.crt'), servername: 'localhost', agent, ...options }, resolve)
      .on('error', reject)
      .end(body);
    return await promise;
  }
  async function ask(path: string, options?: Asked) {
    const answer = await send(path, options);
    const parts: Buffer[] = [];
    for await (const part of answer as AsyncIterable<Buffer>) parts.push(part);
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts).toString() };
  }
  const login = async (token: string, headers: Readonly<Record<string, string>> = {}) =>
    await ask('api/login', {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ token }),
    });
  async function cookieOf(token: string): Promise<string> {
    const { headers } = await login(token);
    return (headers['set-cookie']?.[0] ?? '').split(';', 1)[0] ?? '';
  }
  const messagesIn = (body: string) =>
    body
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as PageMessage);

  it('asks who looks, and tells nobody else anything', async () => {
    expect((await ask('')).status).toBe(200);
    for (const headers of [{}, { cookie: '__Host-membrane=made-up' }, { authorization: 'Bearer made-up' }]) {
      const { status, body } = await ask(past, { headers });
      expect(status).toBe(401);
      expect(JSON.parse(body)).toMatchObject({ error: { code: 'E_UI_LOGIN' } });
      expect(body).not.toMatch(/shop|bank|node-1/);
    }
    // For whom a relay asks is believed of relays, by nodes.
    const as = Buffer.from(JSON.stringify({ name: 'admin', groups: [] })).toString('base64url');
    expect((await ask(past, { headers: { 'membrane-as': as } })).status).toBe(401);
    const both = await ask(past, { headers: { 'membrane-as': as, authorization: 'Bearer token-of-shop' } });
    expect(messagesIn(both.body)[0]).toMatchObject({ kind: 'hello', who: 'shopkeeper' });
  });

  it('gives who shows a token a cookie that no script reads and no other site sends', async () => {
    const { status, headers, body } = await login('token-of-shop');
    expect([status, JSON.parse(body)]).toEqual([200, { who: 'shopkeeper' }]);
    const [cookie = ''] = headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^__Host-membrane=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    expect(cookie).not.toContain('token-of-shop');
    expect(headers['cache-control']).toBe('no-store');
  });

  it.each([
    ['a token of nobody', 'made-up', {}, 401, 'E_UI_TOKEN'],
    ['nothing', '', {}, 401, 'E_UI_TOKEN'],
    ['what is no token', 'a b', {}, 401, 'E_UI_TOKEN'],
    ['too much', 'a'.repeat(20_000), {}, 401, 'E_UI_TOKEN'],
    ['much too much', 'a'.repeat(40_000), {}, 401, 'E_UI_TOKEN'],
    ['another page', 'token-of-shop', { origin: 'https://evil.example' }, 403, 'E_UI_ORIGIN'],
    [
      'a page without TLS',
      'token-of-shop',
      { origin: 'http://localhost:8443', host: 'localhost:8443' },
      403,
      'E_UI_ORIGIN',
    ],
    ['a page in a frame', 'token-of-shop', { origin: 'null' }, 403, 'E_UI_ORIGIN'],
    ['another site', 'token-of-shop', { 'sec-fetch-site': 'cross-site' }, 403, 'E_UI_ORIGIN'],
    ['a form', 'token-of-shop', { 'content-type': 'text/plain' }, 401, 'E_UI_TOKEN'],
    ['another name of ours', 'token-of-shop', { host: 'evil.example' }, 403, 'E_UI_ORIGIN'],
  ])('logs nobody in by %s', async (_, token, headers, status, code) => {
    const before = stage.asked.length;
    const answer = await login(token, headers);
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([status, { error: { code } }]);
    expect(answer.headers['set-cookie']).toBeUndefined();
    // Only what may be a token goes to the API server; more than that is not even read.
    expect(stage.asked.slice(before)).toEqual(token === 'made-up' ? ['made-up'] : []);
    if (token.length > 32_768) expect(answer.body).toContain('more than 32768 bytes');
  });

  it('asks the API server about some tokens at a time', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stage.held = promise;
    const before = stage.asked.length;
    const waiting = Array.from({ length: 8 }, async () => await login('token-of-shop'));
    await expect.poll(() => stage.asked.length - before).toBe(8);
    expect((await login('token-of-shop')).status).toBe(503);
    stage.held = undefined;
    resolve();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    expect((await login('token-of-shop')).status).toBe(200);
  });

  it('changes no session for who does not say where he comes from', async () => {
    const cookie = await cookieOf('token-of-shop');
    for (const headers of [{}, { origin: 'https://evil.example' }, { origin, 'sec-fetch-site': 'same-site' }])
      expect((await ask('api/logout', { method: 'POST', headers: { cookie, ...headers } })).status).toBe(403);
    expect((await ask(past, { headers: { cookie } })).status).toBe(200);
    const out = await ask('api/logout', { method: 'POST', headers: { cookie, origin } });
    expect(out.headers['set-cookie']?.[0]).toMatch(/^__Host-membrane=; Max-Age=0; Path=\//);
    expect((await ask(past, { headers: { cookie } })).status).toBe(401);
  });

  it('is reached by the names that it is given, and by no other', async () => {
    const cookie = await cookieOf('token-of-shop');
    for (const [host, status] of [
      ['page.example', 200],
      ['PAGE.example:8443', 200],
      ['localhost:8443', 200],
      ['page.example.evil.example', 403],
      ['10.0.0.1', 403],
    ] as const)
      expect((await ask(past, { headers: { cookie, host } })).status, host).toBe(status);
  });

  it('shows each end to who may see it', async () => {
    const { body } = await ask(past, { headers: { cookie: await cookieOf('token-of-shop') } });
    const messages = messagesIn(body);
    expect(messages[0]).toMatchObject({ kind: 'hello', who: 'shopkeeper', hasLogin: true });
    const rows = messages.flatMap((message) => (message.kind === 'rows' ? message.rows : []));
    expect(rows.map(({ from, to }) => [from, to])).toEqual([
      ['shop/pod-of-shop', 'bank/pod-of-bank'],
      ['bank/pod-of-bank', 'shop/pod-of-shop'],
      ['shop/pod-of-shop', 'reserved:hidden'],
    ]);
    expect(rows[2]?.flow).toMatchObject({ verdict: 'dropped', dropReason: 'policy-ingress', protocol: 'TCP' });
    expect(messages.findLast(({ kind }) => kind === 'counted')).toMatchObject({
      counted: { listed: 3, unlisted: 0, muted: 0, unmatched: 0 },
    });
    expect(body).not.toMatch(/club|bank\/of-bank/);
    // A filter says nothing of what is hidden either.
    const asked = await ask(`${past}&q=to:club/`, { headers: { cookie: await cookieOf('token-of-shop') } });
    expect(messagesIn(asked.body).filter(({ kind }) => kind === 'rows')).toEqual([]);
    const all = await ask(past, { headers: { cookie: await cookieOf('token-of-all') } });
    expect(all.body).toMatch(/bank\/of-bank/);
  });

  it('tells what there is of the namespaces whose flows somebody may list, and of no other', async () => {
    const inventoryOf = async (token: string) => {
      const { body } = await ask(past, { headers: { authorization: `Bearer ${token}` } });
      const told = messagesIn(body).find((message) => message.kind === 'inventory')?.inventory;
      return { body, told };
    };
    const { told: own } = await inventoryOf('token-of-shop');
    const shop = { key: 'shop/pod-of-shop', pods: 1, nodes: ['node-1'], enforced: { ingress: 'none', egress: 'none' } };
    const trade = { name: 'trade', namespaces: ['shop'] };
    expect(own).toMatchObject({ isPartial: true, policies: 0, workloads: [shop] });
    expect(own?.tenants).toEqual([{ ...trade, closed: 'it is closed' }]);
    // Of a tenant that has other namespaces as well nobody is told by one of them.
    stage.grant('shopkeeper list flows bank');
    await stage.clock.advance(20_000);
    const { told: more } = await inventoryOf('token-of-shop');
    expect(more?.workloads.map(({ key }) => key)).toEqual(['bank/pod-of-bank', 'shop/pod-of-shop']);
    expect(more?.tenants.map(({ name }) => name)).toEqual(['trade']);
    stage.rights.delete('shopkeeper list flows bank');
    await stage.clock.advance(20_000);
    // Of a slice that names somebody else's pod it is not said whose that is, nor by the words of what is wrong.
    expect(own?.services).toEqual([
      {
        namespace: 'shop',
        name: 'front',
        type: 'ClusterIP',
        state: 'applied',
        ports: ['ClusterIP 10.96.0.7:80/TCP'],
        backends: ['shop/pod-of-shop'],
        backendCount: 2,
        problems: ['Conflict'],
      },
    ]);
    const { told: all } = await inventoryOf('token-of-all');
    expect(all?.workloads.map(({ key }) => key)).toEqual(['bank/pod-of-bank', 'club/pod-of-club', 'shop/pod-of-shop']);
    expect(all?.services).toMatchObject([
      { name: 'vault', problems: ['it is told'] },
      { name: 'front', backends: ['club/pod-of-club', 'shop/pod-of-shop'], problems: ['club/doors has this address'] },
    ]);
    expect([all?.policies, all?.isPartial]).toEqual([5, undefined]);
    expect(all?.tenants).toEqual([
      { name: '', namespaces: ['none'] },
      { name: 'money', namespaces: ['bank', 'club'] },
      { ...trade, closed: 'bank claims shop, too' },
    ]);
    // Who only watches is told of what comes, and of nothing that there is.
    stage.rights.delete('shopkeeper list flows shop');
    await stage.clock.advance(20_000);
    const { told: none, body } = await inventoryOf('token-of-shop');
    expect(none).toMatchObject({
      isPartial: true,
      workloads: [],
      services: [],
      tenants: [],
      nodes: [{ name: 'node-1' }],
    });
    expect(body).not.toMatch(/front|vault|club/);
  });

  const told = async (path: string, token: string) => {
    const { status, body } = await ask(path, { headers: { authorization: `Bearer ${token}` } });
    return { status, body, answer: JSON.parse(body) as Record<string, unknown> };
  };
  const WHY = 'api/why?node=node-1&protocol=TCP&port=80';

  it('tells who is apart from whom: everything to who sees all, and of others that they are there', async () => {
    for (const path of ['api/verify', 'api/verify?from=shop&to=bank', `${WHY}&from=shop/a&to=bank/b`])
      expect((await ask(path)).status).toBe(401);
    const { answer } = await told('api/verify', 'token-of-all');
    expect(answer).toMatchObject({
      tenants: ['bank', 'club', 'shop', 'system'],
      nodes: [{ node: 'node-1', good: false, tookMs: 12.5 }],
      alarms: [
        { from: 'club/pod-of-club', packet: expect.stringContaining('sent: passed') },
        { to: 'bank/pod-of-bank' },
      ],
    });
    const { body, answer: own } = await told('api/verify', 'token-of-shop');
    expect(body).not.toMatch(/bank|club|10\.1|12\.5|1970/);
    expect(own).toEqual({
      nodes: [{ node: 'node-1', good: false }],
      tenants: ['*', 'shop', 'system'],
      cells: [
        { from: '*', to: 'shop', standing: 'broken', shares: 0 },
        { from: '*', to: 'system', standing: 'untold', shares: 0 },
        { from: 'shop', to: '*', standing: 'shared', shares: 0 },
        { from: 'system', to: '*', standing: 'untold', shares: 0 },
      ],
      alarms: [
        { node: 'node-1', effect: 'opens', from: '*', to: 'shop/pod-of-shop', packets: 'TCP 80', rows: [], meant: [] },
      ],
    });
    // Whose a namespace was when it was proved may be another's now.
    stage.isOfNow = false;
    expect((await told('api/verify', 'token-of-shop')).answer).toMatchObject({
      tenants: [],
      nodes: [{ silent: /since tenants/ }],
    });
    stage.isOfNow = true;
  });

  it('asks nodes between whom of a tenant somebody may see, and ends with the right', async () => {
    stage.grant('shopkeeper list flows bank');
    const { status, answer } = await told('api/verify?from=shop&to=bank', 'token-of-shop');
    expect([status, answer]).toMatchObject([
      200,
      { pairs: 4, reached: [{ node: 'node-1', from: 'shop/pod-of-shop' }] },
    ]);
    const before = stage.thoughtAbout.length;
    for (const pair of [
      'from=shop&to=club',
      'from=club&to=shop',
      'from=shop&to=nobody',
      'from=shop&to=*',
      'from=shop&to=none',
    ]) {
      const { status: refused, answer: why } = await told(`api/verify?${pair}`, 'token-of-shop');
      expect([refused, why], pair).toMatchObject([403, { error: { code: 'E_HUBBLE_FORBIDDEN' } }]);
    }
    expect((await told('api/verify', 'token-of-none')).status).toBe(403);
    expect(stage.thoughtAbout.length).toBe(before);
    const { promise, resolve } = Promise.withResolvers<void>();
    stage.thought = promise;
    const waiting = told('api/verify?from=shop&to=bank', 'token-of-shop');
    await expect.poll(() => stage.thoughtAbout.length).toBe(before + 1);
    stage.rights.delete('shopkeeper list flows bank');
    await stage.clock.advance(20_000);
    stage.thought = undefined;
    resolve();
    expect((await waiting).status).toBe(403);
  });

  it('tells what would let a packet pass of pods that somebody may see, and of no other', async () => {
    const { answer: all } = await told(`${WHY}&from=shop/a&to=bank/b`, 'token-of-all');
    expect(all).toMatchObject({ verdict: 'denied', change: { manifest: expect.stringContaining('let-in') } });
    expect(JSON.stringify(all)).toMatch(/club\/any/);
    const { answer: own } = await told(`${WHY}&from=shop/a&to=shop/b`, 'token-of-shop');
    expect(own).toMatchObject({ change: { isPartial: true, opens: [{ from: 'shop/any' }] } });
    expect(JSON.stringify(own)).not.toMatch(/bank|club/);
    const before = stage.thoughtAbout.length;
    for (const to of [
      'bank/b',
      'club/c',
      '10.244.1.3',
      'service:shop/front',
      'identity:303',
      'world',
      'shop/b/c',
      'shop/',
    ]) {
      const { status, answer } = await told(`${WHY}&from=shop/a&to=${to}`, 'token-of-shop');
      expect([status, answer], to).toMatchObject([403, { error: { code: 'E_HUBBLE_FORBIDDEN' } }]);
      expect((await told(`${WHY}&from=${to}&to=shop/a`, 'token-of-shop')).status, to).toBe(403);
    }
    expect(stage.thoughtAbout.length).toBe(before);
    stage.grant('shopkeeper list flows bank');
    const { promise, resolve } = Promise.withResolvers<void>();
    await stage.clock.advance(20_000);
    stage.thought = promise;
    const waiting = told(`${WHY}&from=shop/a&to=bank/b`, 'token-of-shop');
    await expect.poll(() => stage.thoughtAbout.length).toBe(before + 1);
    stage.rights.delete('shopkeeper list flows bank');
    await stage.clock.advance(20_000);
    stage.thought = undefined;
    resolve();
    expect((await waiting).status).toBe(403);
    const elsewhere = await told(`${WHY.replace('node-1', 'node-9')}&from=shop/a&to=shop/b`, 'token-of-shop');
    expect([elsewhere.status, elsewhere.answer]).toMatchObject([503, { error: { code: 'E_HUBBLE_UNSAID' } }]);
  });

  it('refuses who may see nothing', async () => {
    const { body } = await ask(past, { headers: { cookie: await cookieOf('token-of-none') } });
    expect(messagesIn(body).at(-1)).toMatchObject({ kind: 'error', error: { code: 'E_HUBBLE_FORBIDDEN' } });
    expect(body).not.toMatch(/shop|bank|club/);
  });

  it('knows users by their certificates, and no others', async () => {
    const shown = (name: string) => ({ cert: stage.secret(`${name}.crt`), key: stage.secret(`${name}.key`) });
    const { body } = await ask(past, shown('alice'));
    expect(messagesIn(body)[0]).toMatchObject({ kind: 'hello', who: 'alice' });
    expect(body).not.toMatch(/pod-of-shop|pod-of-club/);
    expect((await ask(past, shown('mallory'))).status).toBe(401);
  });

  /** A connection, what the page shows on it, and what another could be begun with. */
  async function connect(options: tls.ConnectionOptions = {}) {
    const { port } = new URL(stage.url);
    const { promise, resolve, reject } = Promise.withResolvers<tls.TLSSocket>();
    const settings = { host: '127.0.0.1', port: Number(port), servername: 'localhost', ca: stage.secret('ca.crt') };
    let session: Buffer | undefined;
    const socket = tls.connect({ ...settings, ...options }, () => {
      // What stands after an answer has come after all that TLS itself says.
      socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
      socket.resume().once('end', () => resolve(socket));
    });
    socket.on('session', (told) => {
      session = told;
    });
    socket.once('error', reject);
    const { fingerprint256 } = await promise.then((one) => one.getPeerX509Certificate() ?? { fingerprint256: '' });
    return { session, fingerprint: fingerprint256, isReused: socket.isSessionReused(), by: socket.getProtocol() };
  }

  it('speaks no TLS that is broken, and takes up no session in which nobody shows a certificate', async () => {
    const alice = { cert: stage.secret('alice.crt'), key: stage.secret('alice.key') };
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    await expect(connect({ ...alice, ...old })).rejects.toMatchObject({ code: expect.stringContaining('VERSION') });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = await connect({ ...alice, maxVersion });
      expect(first).toMatchObject({ by: maxVersion, session: expect.any(Buffer) });
      expect((await connect({ maxVersion, session: first.session })).isReused).toBe(false);
    }
  });

  it('shows a certificate that replaced its own, and goes on with the last one that could be used', async () => {
    const shownNow = async () => (await connect()).fingerprint;
    const said = () => stage.logged.filter((fields) => JSON.stringify(fields).includes('PEM'));
    const first = await shownNow();
    stage.renew();
    expect(await shownNow()).toBe(first);
    await stage.clock.advance(10_000);
    await expect.poll(shownNow).not.toBe(first);
    const second = await shownNow();
    stage.write('server.crt', 'no certificate');
    for (let i = 0; i < 5; i += 1) {
      await stage.clock.advance(10_000);
      await expect.poll(() => said().length).toBe(1);
      expect(await shownNow()).toBe(second);
    }
    stage.renew();
    await stage.clock.advance(10_000);
    await expect.poll(shownNow).not.toBe(second);
    expect(said()).toHaveLength(1);
  });

  /** What a live page is told, as it comes. */
  async function live(headers: Readonly<Record<string, string>>) {
    const answer = await send('api/view', { headers });
    const told: string[] = [];
    const ended = (async () => {
      for await (const part of answer as AsyncIterable<Buffer>) told.push(part.toString());
      return messagesIn(told.join('')).at(-1);
    })();
    ended.catch(() => undefined);
    return { text: () => told.join(''), ended, leave: () => answer.destroy() };
  }

  it('ends what is looked at when the right to it is taken away, and shows nothing from then on', async () => {
    const { text, ended } = await live({ cookie: await cookieOf('token-of-shop') });
    await expect.poll(text).toContain('pod-of-bank');
    await expect.poll(() => stage.hub.stats().readers).toBe(1);
    stage.rights.delete('shopkeeper watch flows shop');
    stage.rights.delete('shopkeeper list flows shop');
    await stage.clock.advance(2_000);
    expect(await ended).toMatchObject({ kind: 'error', error: { code: 'E_HUBBLE_FORBIDDEN' } });
    await expect.poll(() => stage.hub.stats().readers).toBe(0);
  });

  it('shows what comes to who may see that only', async () => {
    stage.rights.delete('shopkeeper list flows shop');
    const { text, leave } = await live({ authorization: 'Bearer token-of-shop' });
    await expect.poll(() => stage.hub.stats().readers).toBe(1);
    expect(text()).not.toContain('pod-of-shop');
    stage.hub.publish(between(3, 2), between(1, 2));
    await expect.poll(text).toContain('pod-of-shop');
    expect(text()).not.toContain('club');
    leave();
    await expect.poll(() => stage.hub.stats().readers).toBe(0);
  });

  it('ends what is looked at when the token is nobody’s any more, and the session with it', async () => {
    const cookie = await cookieOf('token-of-shop');
    const { ended } = await live({ cookie });
    await expect.poll(() => stage.hub.stats().readers).toBe(1);
    // Who logs out, or in anew, does so wherever the cookie went.
    const [out, anew] = [await cookieOf('token-of-all'), await cookieOf('token-of-all')];
    const left = [await live({ cookie: out }), await live({ cookie: anew })];
    await expect.poll(() => stage.hub.stats().readers).toBe(3);
    await ask('api/logout', { method: 'POST', headers: { cookie: out, origin } });
    expect((await login('token-of-all', { cookie: anew })).status).toBe(200);
    for (const gone of [out, anew]) expect((await ask(past, { headers: { cookie: gone } })).status).toBe(401);
    stage.tokens.delete('token-of-shop');
    expect(await ended).toMatchObject({ kind: 'error', error: { code: 'E_HUBBLE_NOBODY' } });
    for (const view of left)
      expect(await view.ended).toMatchObject({ kind: 'error', error: { code: 'E_HUBBLE_NOBODY' } });
    expect((await ask(past, { headers: { cookie } })).status).toBe(401);
    // Whoever had it before has to say again who he is.
    stage.tokens.set('token-of-shop', 'shopkeeper');
    await stage.clock.advance(20_000);
    expect((await ask(past, { headers: { authorization: 'Bearer token-of-shop' } })).status).toBe(200);
    expect((await ask(past, { headers: { cookie } })).status).toBe(401);
  });

  it('tells nothing while nobody says who somebody is', async () => {
    const cookie = await cookieOf('token-of-shop');
    stage.answers = false;
    const { status, body } = await ask(past, { headers: { cookie } });
    expect([status, JSON.parse(body)]).toMatchObject([503, { error: { code: 'E_HUBBLE_AWAY' } }]);
    stage.answers = true;
    expect((await ask(past, { headers: { cookie } })).status).toBe(200);
  });

  it('gives one person some of the pages, and the rest to others', async () => {
    const views = await Promise.all(
      Array.from({ length: 8 }, async () => await live({ authorization: 'Bearer token-of-all' })),
    );
    expect((await ask('api/view', { headers: { authorization: 'Bearer token-of-all' } })).status).toBe(503);
    expect((await ask(past, { headers: { authorization: 'Bearer token-of-shop' } })).status).toBe(200);
    // In all there are as many for a cluster as for a sandbox.
    for (const person of ['a', 'b', 'c', 'd']) {
      stage.tokens.set(`token-of-${person}`, person);
      stage.grant(`${person} list flows `, `${person} watch flows `);
      const own = person === 'd' ? 7 : 8;
      const authorization = `Bearer token-of-${person}`;
      if (person !== 'a')
        views.push(...(await Promise.all(Array.from({ length: own }, async () => await live({ authorization })))));
    }
    views.push(await live({ authorization: 'Bearer token-of-a' }));
    // Who has one gets a second, of those who have most.
    const [longest] = views;
    const [second] = [await live({ authorization: 'Bearer token-of-a' })];
    views.push(second);
    expect(await longest?.ended).toMatchObject({ kind: 'error', error: { code: 'E_UI_FULL' } });
    await expect.poll(second.text).toContain('"hello"');
    for (const { leave } of views) leave();
    await expect.poll(() => stage.hub.stats().readers).toBe(0);
  });

  it('keeps no place for who left before he was told anything', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stage.held = promise;
    const before = stage.asked.length;
    const leaving = Array.from({ length: 10 }, () => {
      const request = https.request(`${stage.url}api/view`, {
        ca: stage.secret('ca.crt'),
        servername: 'localhost',
        headers: { authorization: 'Bearer token-of-shop' },
      });
      request.on('error', () => undefined).end();
      return request;
    });
    await expect.poll(() => stage.asked.length - before).toBe(10);
    for (const request of leaving) request.destroy();
    stage.held = undefined;
    resolve();
    const views = await Promise.all(
      Array.from({ length: 8 }, async () => await live({ authorization: 'Bearer token-of-shop' })),
    );
    for (const { text } of views) await expect.poll(text).toContain('"hello"');
    for (const { leave } of views) leave();
    await expect.poll(() => stage.hub.stats().readers).toBe(0);
  });

  it('is served to other machines with TLS only', async () => {
    const door = {
      enter: async () => await Promise.reject(new Error('nobody')),
      login: { begin: async () => await Promise.reject(new Error('no')), end: () => undefined },
    };
    for (const host of ['0.0.0.0', '::', '10.0.0.1']) {
      const server = new PageServer({ door, host, port: 0, version: '1', log: silentLogger, files: FILES });
      await expect(server.start(new Lifecycle({ log: silentLogger }))).rejects.toMatchObject({ code: 'E_UI_HOST' });
    }
  });
});

describe('sessions', () => {
  it('end by themselves, and are bounded by person and in all', async () => {
    const clock = new FakeClock(0);
    const sessions = new Sessions(clock);
    const first = sessions.begin('a', 'token');
    expect(sessions.tokenOf(first)).toBe('token');
    expect(sessions.tokenOf(`${first}x`)).toBeUndefined();
    const own = Array.from({ length: 16 }, () => sessions.begin('a', 'token'));
    expect(sessions.tokenOf(first)).toBeUndefined();
    const other = sessions.begin('b', 'other');
    for (let i = 0; i < 100; i += 1) sessions.begin('a', 'token');
    expect([sessions.tokenOf(own[15] ?? ''), sessions.tokenOf(other)]).toEqual([undefined, 'other']);
    // Who may make service accounts logs out his own, however many he makes.
    for (let i = 0; i < 1_100; i += 1) sessions.begin(`system:serviceaccount:shop:many-${i}`, 'token');
    expect(sessions.tokenOf(other)).toBe('other');
    for (let i = 0; i < 1_100; i += 1) sessions.begin(`many-${i}`, 'token');
    expect(sessions.tokenOf(other)).toBeUndefined();
    const last = sessions.begin('c', 'token');
    clock.set(-3_600_000);
    await clock.advance(12 * 3_600_000 - 1);
    expect(sessions.tokenOf(last)).toBe('token');
    await clock.advance(1);
    expect(sessions.tokenOf(last)).toBeUndefined();
  });
});
