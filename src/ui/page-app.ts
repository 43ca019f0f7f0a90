import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { ndjsonStream } from '../api/server.ts';
import { errorMessage, isMembraneError, type Logger, systemClock } from '../base/index.ts';
import type { Door } from './door.ts';
import { uiErrors } from './errors.ts';
import { type GuardOptions, guard, HEADERS } from './guard.ts';
import { loginRoutes, sessionOf } from './login.ts';
import type { PageFile } from './page-files.ts';
import { costOf, MOST_COST, parseQuery, type Query, TOO_COSTLY } from './query.ts';
import { type ViewRequest, viewStream } from './view-stream.ts';
import { type View, Views } from './views.ts';

/** Of one who had to say who he is. */
const MOST_VIEWS_EACH = 8;
const MOST_MUTES = 32;
const WINDOWS_S = { least: 10, most: 900, usual: 60 };
const HEARTBEAT = { everyMs: 15_000, line: { kind: 'alive' } };

const remedySchema = z.strictObject({
  node: z.string().min(1).max(253),
  from: z.string().min(1).max(512),
  to: z.string().min(1).max(512),
  protocol: z.enum(['TCP', 'UDP', 'SCTP', 'ICMP']),
  port: z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .pipe(z.int().max(65_535))
    .optional(),
});

export type PageAppOptions = {
  readonly files: ReadonlyMap<string, PageFile>;
  readonly door: Door;
  readonly guarded: GuardOptions;
  readonly version: string;
  readonly log: Logger;
  /** Aborted when the server stops: ends the streams. */
  readonly signal: AbortSignal;
};

/** The page and what it asks. Knows HTTP, and nothing of flows. */
export function pageApp({ files, door, guarded, version, log, signal }: PageAppOptions) {
  const app = new Hono<{ Bindings: HttpBindings }>();
  const hasLogin = door.login !== undefined;
  const views = new Views(systemClock);
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
  });
  app.use(guard(guarded));
  app.use('/api/*', async (c, next) => {
    // It would be answered as GET is, and nobody would read or end what is told.
    if (c.req.method === 'HEAD') return c.body(null, 405);
    return await next();
  });
  if (door.login !== undefined) app.route('/api', loginRoutes(door.login, guarded));
  app.get('/api/view', async (c) => {
    const request = requestOf(c);
    const reading = await door.enter(c.env.incoming, sessionOf(c, guarded));
    const view = views.enter(reading.who, hasLogin ? MOST_VIEWS_EACH : undefined);
    const controller = new AbortController();
    const leaving = AbortSignal.any([signal, controller.signal]);
    const onError = (error: unknown) => {
      if (!isMembraneError(error)) log.error({ error: errorMessage(error) }, 'a view failed');
      return { kind: 'error', error: problemOf(error) };
    };
    // Also one that has not begun to be told.
    controller.signal.addEventListener('abort', view.leave, { once: true });
    // Who takes nothing is not told that he has to go.
    view.dismissed.addEventListener('abort', () => view.isStalled() && c.env.outgoing.destroy(), { once: true });
    const told = seated(
      viewStream({ reading, version, hasLogin }, request, { leaving, dismissed: view.dismissed }),
      view,
    );
    const lines = ndjsonStream(told, { controller, onError, heartbeat: HEARTBEAT });
    return c.body(lines, 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  });
  app.get('/api/why', async (c) => {
    const { remedy } = await door.enter(c.env.incoming, sessionOf(c, guarded));
    const request = remedySchema.safeParse(c.req.query());
    if (!request.success) throw uiErrors.make('E_UI_QUERY', { detail: 'no connection is meant' });
    return c.json(await remedy(request.data), 200, { 'cache-control': 'no-store' });
  });
  app.get('/api/verify', async (c) => {
    const { matrix } = await door.enter(c.env.incoming, sessionOf(c, guarded));
    const [from, to] = [c.req.query('from'), c.req.query('to')];
    if ([from, to].some((name) => name !== undefined && name.length > 253))
      throw uiErrors.make('E_UI_QUERY', { detail: 'no tenant is called so' });
    const answer = from === undefined || to === undefined ? await matrix.look() : await matrix.ask(from, to);
    return c.json(answer, 200, { 'cache-control': 'no-store' });
  });
  app.get('*', (c) => {
    const file = files.get(c.req.path);
    if (file === undefined) return c.text('there is no such page', 404);
    const { body, type, isNamedByContent } = file;
    const cache = isNamedByContent ? 'public, max-age=31536000, immutable' : 'no-cache';
    return c.body(body, 200, { 'content-type': type, 'cache-control': cache });
  });
  app.all('*', (c) => c.text('nothing can be changed here', 405));
  app.onError((error, c) => {
    if (!isMembraneError(error)) log.error({ path: c.req.path, error: errorMessage(error) }, 'a request failed');
    const status = statusOf(error);
    // A page that failed to load says why as well.
    return c.json({ error: problemOf(error) }, status);
  });
  return app;
}

/** Leaves its place however it ends. */
async function* seated<T>(values: AsyncGenerator<T>, view: View): AsyncGenerator<T> {
  try {
    for await (const value of values) {
      view.wait(true);
      yield value;
      view.wait(false);
    }
  } finally {
    view.leave();
  }
}

function requestOf(c: Context): ViewRequest {
  const mutes = c.req.queries('mute') ?? [];
  if (mutes.length > MOST_MUTES) throw uiErrors.make('E_UI_QUERY', { detail: `more than ${MOST_MUTES} mutes` });
  const windowS = numberOf(c, 'window') ?? WINDOWS_S.usual;
  if (windowS < WINDOWS_S.least || windowS > WINDOWS_S.most)
    throw uiErrors.make('E_UI_QUERY', { detail: `window: ${WINDOWS_S.least} to ${WINDOWS_S.most} seconds` });
  // One that says nothing would mute everything.
  const muted = mutes.filter((text) => text.trim() !== '').map(queryOf);
  const cost = muted.reduce((sum, { alternatives }) => sum + costOf(alternatives), 0);
  if (cost > MOST_COST) throw uiErrors.make('E_UI_QUERY', { detail: `mutes: ${TOO_COSTLY}` });
  return {
    query: queryOf(c.req.query('q') ?? ''),
    mutes: muted,
    windowS,
    until: numberOf(c, 'until'),
  };
}

function queryOf(text: string): Query {
  const query = parseQuery(text);
  const [problem] = query.problems;
  if (problem !== undefined) throw uiErrors.make('E_UI_QUERY', { detail: problem });
  return query;
}

function numberOf(c: Context, name: string): number | undefined {
  const text = c.req.query(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,16}(\.\d{1,6})?$/.test(text)) throw uiErrors.make('E_UI_QUERY', { detail: `${name} is not a number` });
  return Number(text);
}

function problemOf(error: unknown) {
  if (isMembraneError(error)) return { code: error.code, message: error.message, remedy: error.remedy };
  // What it is may name what nobody else should know; the log has it.
  return { code: 'E_UI_INTERNAL', message: 'the page failed', remedy: 'Its log says why.' };
}

const STATUS: Readonly<Record<string, 401 | 403 | 404 | 503>> = {
  E_UI_ORIGIN: 403,
  E_UI_FULL: 503,
  E_UI_LOGIN: 401,
  E_UI_TOKEN: 401,
  E_HUBBLE_NOBODY: 401,
  E_HUBBLE_FORBIDDEN: 403,
  E_HUBBLE_AWAY: 503,
  E_HUBBLE_UNSAID: 503,
};

function statusOf(error: unknown): 400 | 401 | 403 | 404 | 500 | 503 {
  return isMembraneError(error) ? (STATUS[error.code] ?? 400) : 500;
}
