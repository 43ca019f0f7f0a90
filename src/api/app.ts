import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import { errorMessage, isMembraneError, type Logger } from '../base/index.ts';
import type { AdminApi } from './admin.ts';
import { apiErrors } from './errors.ts';
import { SCHEMAS_ID } from './gen/places.ts';
import { ndjsonStream } from './ndjson.ts';
import { type Route, SCHEMAS_HEADER } from './route.ts';
import { ROUTES, type RouteName } from './routes.ts';
import type { Problem } from './views/problem.ts';

/** Policies are sent to be thought about. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const HEARTBEAT = { everyMs: 15_000, line: { kind: 'alive' } };

export type AdminAppOptions = {
  readonly admin: AdminApi;
  readonly log: Logger;
  /** Aborted when the server stops: ends the streams. */
  readonly signal: AbortSignal;
};

/** The admin API's routes. Knows HTTP and nothing of the agent. */
export function createAdminApp({ admin, log, signal }: AdminAppOptions): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header(SCHEMAS_HEADER, SCHEMAS_ID);
  });
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: () => tooLarge() }));
  for (const name of Object.keys(ROUTES) as RouteName[]) {
    const route: Route = ROUTES[name];
    app.on(route.method, route.path, async (c) => {
      const args = route.params === undefined ? [] : [parsed(await sent(c, route), route.params)];
      if (route.kind === 'stream') return stream(c, (ending) => call(admin, name, [...args, ending]));
      const answer = await call<Promise<unknown>>(admin, name, args);
      if (answer === undefined) throw apiErrors.make('E_API_NOT_FOUND', { detail: missing(route, args[0]) });
      return c.json(answer);
    });
  }
  app.notFound((c) => problem(apiErrors.make('E_API_UNKNOWN', { detail: `${c.req.method} ${c.req.path}` })));
  app.onError((error, c) => {
    if (!isMembraneError(error)) log.error({ path: c.req.path, error: errorMessage(error) }, 'admin request failed');
    return problem(error);
  });
  const stream = (c: Context, source: (ending: AbortSignal) => AsyncIterable<readonly unknown[]>): Response => {
    const controller = new AbortController();
    const ending = AbortSignal.any([signal, controller.signal]);
    const onError = (error: unknown) => {
      log.error({ path: c.req.path, error: errorMessage(error) }, 'admin stream failed');
      return { kind: 'error', error: problemOf(error) };
    };
    const lines = ndjsonStream(source(ending), { controller, onError, heartbeat: HEARTBEAT });
    return c.body(lines, 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  };
  return app;
}

/** The types of arguments and answer are the route's, which `AdminApi` ties to each other. */
function call<Answer>(admin: AdminApi, name: RouteName, args: readonly unknown[]): Answer {
  return Reflect.apply(admin[name], admin, args) as Answer;
}

function missing(route: Route, params: unknown): string {
  return route.looksFor?.(params as never) ?? route.path;
}

async function sent(c: Context, route: Route): Promise<unknown> {
  if (route.method === 'GET') return c.req.query();
  try {
    return await c.req.json();
  } catch (cause) {
    throw apiErrors.make('E_API_REQUEST', { detail: 'the body is not JSON', cause });
  }
}

function parsed(value: unknown, schema: z.ZodType): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  throw apiErrors.make('E_API_REQUEST', { detail: issues.join('; ') });
}

function tooLarge(): Response {
  return problem(apiErrors.make('E_API_REQUEST', { detail: `the body is larger than ${MAX_BODY_BYTES} bytes` }), 413);
}

function problemOf(error: unknown): Problem {
  const known = isMembraneError(error)
    ? error
    : apiErrors.make('E_API_INTERNAL', { detail: error instanceof Error ? error.message : String(error) });
  return { code: known.code, message: known.message, remedy: known.remedy };
}

function problem(error: unknown, status = statusOf(error)): Response {
  return Response.json({ error: problemOf(error) }, { status });
}

/** Errors of the agent's own tables are about what was asked for: only what is not a MembraneError is our fault. */
function statusOf(error: unknown): number {
  if (isMembraneError(error, 'E_API_NOT_FOUND') || isMembraneError(error, 'E_API_UNKNOWN')) return 404;
  if (isMembraneError(error, 'E_API_INTERNAL')) return 500;
  return isMembraneError(error) ? 422 : 500;
}
