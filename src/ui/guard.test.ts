import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { guard } from './guard.ts';

function asked(isSecure: boolean) {
  const app = new Hono();
  app.use(guard({ names: ['Page.example'], isSecure }));
  app.all('*', (c) => c.text('answered'));
  app.onError((error, c) => c.text('code' in error ? String(error.code) : 'other', 403));
  return async (headers: Record<string, string>, method = 'GET', path = '/') =>
    await (await app.request(path, { method, headers })).text();
}

describe('the guard of the page', () => {
  it.each([
    'page.example.evil.example',
    'evil.example/page.example',
    'evil.example,localhost',
    'evil.example@localhost',
    'evil.example localhost',
    'localhost:80:80',
    'localhost:',
    '[::1',
    '',
  ])('knows no name %j', async (host) => {
    expect(await asked(false)({ host })).toBe('E_UI_ORIGIN');
  });

  it.each(['page.example', 'PAGE.example:8443', 'localhost:80', '127.0.0.1', '[::1]:80'])('knows %j', async (host) => {
    expect(await asked(false)({ host })).toBe('answered');
  });

  it('takes a page of the other scheme for somebody else’s', async () => {
    const host = 'page.example';
    for (const [isSecure, own, other] of [
      [true, 'https', 'http'],
      [false, 'http', 'https'],
    ] as const) {
      const ask = asked(isSecure);
      expect(await ask({ host, origin: `${own}://${host}` }, 'POST')).toBe('answered');
      expect(await ask({ host, origin: `${other}://${host}` }, 'POST')).toBe('E_UI_ORIGIN');
      expect(await ask({ host, origin: `${other}://${host}` })).toBe('E_UI_ORIGIN');
    }
  });
});
