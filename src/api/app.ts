import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import { errorMessage, isMembraneError, type Logger, namespacedName } from '../base/index.ts';
import type { AdminApi } from './admin.ts';
import { apiErrors } from './errors.ts';
import { ndjsonStream } from './ndjson.ts';
import { observeRequestSchema, type Problem, policyFilterSchema, traceRequestSchema } from './schema.ts';

const MAX_BODY_BYTES = 64 * 1024;
const HEARTBEAT_MS = 15_000;

export type AdminAppOptions = {
  readonly admin: AdminApi;
  readonly log: Logger;
  /** Aborted when the server stops: ends the streams. */
  readonly signal: AbortSignal;
};

/** The admin API's routes. Knows HTTP and nothing of the agent. */
export function createAdminApp({ admin, log, signal }: AdminAppOptions): Hono {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: () => tooLarge() }));

  app.get('/v1/status', async (c) => c.json(await admin.status()));
  app.get('/v1/endpoints', async (c) => c.json(await admin.endpoints()));
  app.get('/v1/endpoints/:id{[0-9]+}', async (c) =>
    c.json(found(await admin.endpoint({ id: Number(c.req.param('id')) }), `endpoint ${c.req.param('id')}`)),
  );
  app.get('/v1/pods/:namespace/:pod/endpoint', async (c) => {
    const { namespace, pod } = c.req.param();
    return c.json(
      found(await admin.endpoint({ namespace, pod }), `endpoint of pod ${namespacedName({ namespace, name: pod })}`),
    );
  });
  app.get('/v1/identities', async (c) => c.json(await admin.identities()));
  app.get('/v1/identities/:id{[0-9]+}', async (c) =>
    c.json(found(await admin.identity(Number(c.req.param('id'))), `identity ${c.req.param('id')}`)),
  );
  app.get('/v1/policies', async (c) => c.json(await admin.policies(checked(c.req.query(), policyFilterSchema))));
  app.post('/v1/trace', async (c) => c.json(await admin.trace(await body(c, traceRequestSchema))));
  app.get('/v1/connections', (c) => stream(c, (ending) => admin.connections(ending)));
  app.get('/v1/nodes', async (c) => c.json(await admin.nodes()));
  app.get('/v1/services', async (c) => c.json(await admin.services()));
  app.get('/v1/doctor', async (c) => c.json(await admin.doctor()));
  app.get('/v1/footprint', async (c) => c.json(await admin.footprint()));
  app.get('/v1/metrics', async (c) => c.text(await admin.metrics()));
  app.post('/v1/observe', async (c) => {
    const request = await body(c, observeRequestSchema);
    return stream(c, (ending) => admin.observe(request, ending), { everyMs: HEARTBEAT_MS, line: { kind: 'alive' } });
  });

  app.notFound((c) => problem(apiErrors.make('E_API_UNKNOWN', { detail: `${c.req.method} ${c.req.path}` })));
  app.onError((error, c) => {
    if (!isMembraneError(error)) log.error({ path: c.req.path, error: errorMessage(error) }, 'admin request failed');
    return problem(error);
  });

  const stream = (
    c: Context,
    source: (ending: AbortSignal) => AsyncIterable<readonly unknown[]>,
    heartbeat?: { everyMs: number; line: unknown },
  ): Response => {
    const controller = new AbortController();
    const ending = AbortSignal.any([signal, controller.signal]);
    const onError = (error: unknown) => {
      log.error({ path: c.req.path, error: errorMessage(error) }, 'admin stream failed');
      return { kind: 'error', error: problemOf(error) };
    };
    const lines = ndjsonStream(source(ending), { controller, onError, ...(heartbeat ? { heartbeat } : {}) });
    return c.body(lines, 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  };
  return app;
}

async function body<T extends z.ZodType>(c: Context, schema: T): Promise<z.output<T>> {
  let json: unknown;
  try {
    json = await c.req.json();
  } catch (cause) {
    throw apiErrors.make('E_API_REQUEST', { detail: 'the body is not JSON', cause });
  }
  return checked(json, schema);
}

function checked<T extends z.ZodType>(value: unknown, schema: T): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  throw apiErrors.make('E_API_REQUEST', { detail: issues.join('; ') });
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw apiErrors.make('E_API_NOT_FOUND', { detail: what });
  return value;
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
