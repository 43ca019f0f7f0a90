import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import type { Door } from './door.ts';
import { uiErrors } from './errors.ts';
import type { GuardOptions } from './guard.ts';

const COOKIE = 'membrane';
/** A token of a service account is 1 KB. */
const MOST_BYTES = 32 * 1_024;
/** The API server is asked for each. */
const AT_ONCE = 8;

const bodySchema = z.strictObject({ token: z.string().regex(/^[\x21-\x7e]{1,16384}$/) });

type Bound = { Bindings: HttpBindings };

/** What the cookie says. */
export function sessionOf(c: Context, guarded: GuardOptions): string | undefined {
  return guarded.isSecure ? getCookie(c, COOKIE, 'host') : getCookie(c, COOKIE);
}

/** No script reads the cookie, no other site sends it, and no other host has it. */
function attributesOf({ isSecure }: GuardOptions) {
  const common = { path: '/', httpOnly: true, sameSite: 'Strict', secure: isSecure } as const;
  return isSecure ? ({ ...common, prefix: 'host' } as const) : common;
}

/** Who somebody is, from when he says so until he says that it ends. */
export function loginRoutes(login: NonNullable<Door['login']>, guarded: GuardOptions) {
  const app = new Hono<Bound>();
  let asking = 0;
  const tooLong = (): never => {
    throw uiErrors.make('E_UI_TOKEN', { detail: `more than ${MOST_BYTES} bytes` });
  };
  app.use('/login', bodyLimit({ maxSize: MOST_BYTES, onError: tooLong }));
  app.post('/login', async (c) => {
    // A form of another page could send anything but this.
    if (!/^application\/json(;|$)/i.test(c.req.header('content-type') ?? ''))
      throw uiErrors.make('E_UI_TOKEN', { detail: 'JSON is expected' });
    const body = bodySchema.safeParse(await c.req.json().catch(() => undefined));
    if (!body.success) throw uiErrors.make('E_UI_TOKEN');
    if (asking >= AT_ONCE) throw uiErrors.make('E_UI_FULL', { detail: `${AT_ONCE} log in right now` });
    asking += 1;
    try {
      const { session, who } = await login.begin(body.data.token);
      const before = sessionOf(c, guarded);
      if (before !== undefined) login.end(before);
      setCookie(c, COOKIE, session, attributesOf(guarded));
      return c.json({ who }, 200, { 'cache-control': 'no-store' });
    } finally {
      asking -= 1;
    }
  });
  app.post('/logout', (c) => {
    const session = sessionOf(c, guarded);
    if (session !== undefined) login.end(session);
    deleteCookie(c, COOKIE, attributesOf(guarded));
    return c.json({}, 200, { 'cache-control': 'no-store' });
  });
  return app;
}
