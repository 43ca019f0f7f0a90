import type { MiddlewareHandler } from 'hono';
import { uiErrors } from './errors.ts';

const LOOPBACK: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];
const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::\d{1,5})?$/i;

export type GuardOptions = {
  /** By which it is reached, beside those of loopback. */
  readonly names: readonly string[];
  /** Served with TLS. */
  readonly isSecure: boolean;
};

/**
 * Only what the page itself asks is answered. A name that an attacker points here is in Host, whatever the browser believes (DNS
 * rebinding); a page of somebody else is in Origin, and in Sec-Fetch-Site also where there is no Origin. What changes something
 * (a session) must say where it comes from, whatever cookies or certificates come with it.
 */
export function guard({ names, isSecure }: GuardOptions): MiddlewareHandler {
  const own = new Set([...LOOPBACK, ...names].map((name) => name.toLowerCase()));
  const scheme = isSecure ? 'https' : 'http';
  return async (c, next) => {
    const host = c.req.header('host') ?? '';
    const origin = c.req.header('origin');
    const site = c.req.header('sec-fetch-site');
    const [, name = ''] = HOST.exec(host) ?? [];
    if (!own.has(name.toLowerCase()))
      throw uiErrors.make('E_UI_ORIGIN', { detail: `host ${JSON.stringify(host.slice(0, 100))}` });
    const isRead = ['GET', 'HEAD'].includes(c.req.method);
    if (origin === undefined ? !isRead : origin !== `${scheme}://${host}`)
      throw uiErrors.make('E_UI_ORIGIN', { detail: `origin ${JSON.stringify((origin ?? '').slice(0, 100))}` });
    // Somebody may follow a link to the page, but no data is anybody's link, image or script.
    const isData = c.req.path.startsWith('/api/');
    const allowed = isData ? ['same-origin'] : ['same-origin', 'none', 'same-site', 'cross-site'];
    if (site !== undefined && !allowed.includes(site))
      throw uiErrors.make('E_UI_ORIGIN', { detail: `a ${site.slice(0, 20)} page` });
    await next();
  };
}

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
