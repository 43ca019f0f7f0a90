import type { MiddlewareHandler } from 'hono';
import { uiErrors } from './errors.ts';

const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/;

/**
 * Only what the page itself asks is answered. A name that an attacker points at 127.0.0.1 is in Host, whatever the browser
 * believes (DNS rebinding); a page of somebody else is in Origin, and in Sec-Fetch-Site also where there is no Origin. There is
 * no cookie that such a page could use, and no request that changes anything.
 */
export const guard: MiddlewareHandler = async (c, next) => {
  const host = c.req.header('host') ?? '';
  const origin = c.req.header('origin');
  const site = c.req.header('sec-fetch-site');
  const isData = c.req.path.startsWith('/api/');
  if (!LOOPBACK.test(host))
    throw uiErrors.make('E_UI_ORIGIN', { detail: `host ${JSON.stringify(host.slice(0, 100))}` });
  if (origin !== undefined && origin !== `http://${host}`)
    throw uiErrors.make('E_UI_ORIGIN', { detail: `origin ${JSON.stringify(origin.slice(0, 100))}` });
  // Somebody may follow a link to the page, but no data is anybody's link, image or script.
  const allowed = isData ? ['same-origin'] : ['same-origin', 'none', 'same-site', 'cross-site'];
  if (site !== undefined && !allowed.includes(site))
    throw uiErrors.make('E_UI_ORIGIN', { detail: `a ${site.slice(0, 20)} page` });
  await next();
};

/** Nothing inline, nothing from elsewhere, nobody's frame; what is no text cannot become script. */
export const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
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
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};
