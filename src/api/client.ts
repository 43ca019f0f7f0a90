import http from 'node:http';
import { z } from 'zod';
import { type ErrorCode, LineSplitter, MembraneError, namespacedName } from '../base/index.ts';
import type { FlowFilter } from '../model/index.ts';
import type { PolicyFilter } from './admin.ts';
import { apiErrors } from './errors.ts';
import * as schema from './schema.ts';

/** As `ObserveRequest`, with everything optional. */
export type ObserveQuery = { readonly filter?: FlowFilter; readonly last?: number; readonly follow?: boolean };

export type ApiClientOptions = {
  readonly socketPath: string;
  /** Until an answer begins, and between two pieces of it. Default 10 s. */
  readonly timeoutMs?: number;
};

type Send = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
};

/** A stream says `alive` every 15 s: three missed and the agent is gone. */
const STREAM_SILENCE_MS = 50_000;
const MAX_LINE_BYTES = 1024 * 1024;

/** The admin API of one agent, typed. Throws MembraneError: E_API_UNREACHABLE, E_API_RESPONSE, or the agent's own. */
export class ApiClient {
  readonly socketPath: string;
  readonly #timeoutMs: number;

  constructor(options: ApiClientOptions) {
    this.socketPath = options.socketPath;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  status = () => this.#get('/v1/status', schema.statusSchema);
  endpoints = () => this.#get('/v1/endpoints', z.array(schema.endpointSchema));
  identities = () => this.#get('/v1/identities', z.array(schema.identitySchema));
  identity = (id: number) => this.#get(`/v1/identities/${id}`, schema.identitySchema);
  nodes = () => this.#get('/v1/nodes', z.array(schema.nodeSchema));
  services = () => this.#get('/v1/services', schema.serviceListSchema);
  doctor = () => this.#get('/v1/doctor', schema.doctorSchema);
  footprint = () => this.#get('/v1/footprint', schema.footprintSchema);

  async endpoint(ref: { id: number } | { namespace: string; pod: string }): Promise<schema.EndpointView> {
    const path = 'id' in ref ? `/v1/endpoints/${ref.id}` : `/v1/pods/${segments(ref.namespace, ref.pod)}/endpoint`;
    return await this.#get(path, schema.endpointSchema);
  }

  async policies(filter: PolicyFilter = {}): Promise<schema.PolicyView[]> {
    const query = new URLSearchParams(Object.entries(filter)).toString();
    return await this.#get(`/v1/policies${query === '' ? '' : `?${query}`}`, z.array(schema.policySchema));
  }

  /** Without a namespace a cluster-wide one. E_API_NOT_FOUND; E_API_AMBIGUOUS when several kinds have one of the name. */
  async policy(ref: PolicyFilter & { readonly name: string }): Promise<schema.PolicyView> {
    const [policy, ...others] = await this.policies({ namespace: '', ...ref });
    const detail = `${ref.kind ?? 'policy'} ${namespacedName(ref)}`;
    if (policy === undefined) throw apiErrors.make('E_API_NOT_FOUND', { detail });
    if (others.length === 0) return policy;
    const kinds = [policy, ...others].map((found) => found.kind).join(', ');
    throw apiErrors.make('E_API_AMBIGUOUS', { detail: `${detail}: ${kinds}` });
  }

  async trace(request: z.input<typeof schema.traceRequestSchema>): Promise<schema.TraceView> {
    return await this.#json({ method: 'POST', path: '/v1/trace', body: request }, schema.traceSchema);
  }

  /** Prometheus text. */
  async metrics(): Promise<string> {
    return await readAll(await this.#open({ method: 'GET', path: '/v1/metrics' }, this.#timeoutMs));
  }

  async *connections(signal?: AbortSignal): AsyncGenerator<schema.ConnectionView> {
    const line = z.union([
      schema.connectionSchema,
      z.object({ kind: z.literal('error'), error: schema.problemSchema }),
    ]);
    for await (const value of this.#lines({ method: 'GET', path: '/v1/connections', ...withSignal(signal) }, line)) {
      if ('kind' in value) throw problemError(value.error);
      yield value;
    }
  }

  /** Signs of life are taken out; an error of the agent is thrown. Ends quietly when the signal is aborted. */
  async *observe(
    request: ObserveQuery,
    signal?: AbortSignal,
  ): AsyncGenerator<Extract<schema.ObserveLine, { kind: 'flow' | 'lost' }>> {
    const send = { method: 'POST', path: '/v1/observe', body: request, ...withSignal(signal) } as const;
    for await (const line of this.#lines(send, schema.observeLineSchema)) {
      if (line.kind === 'error') throw problemError(line.error);
      if (line.kind !== 'alive') yield line;
    }
  }

  async #get<T extends z.ZodType>(path: string, type: T): Promise<z.output<T>> {
    return await this.#json({ method: 'GET', path }, type);
  }

  async #json<T extends z.ZodType>(send: Send, type: T): Promise<z.output<T>> {
    return parse(await readAll(await this.#open(send, this.#timeoutMs)), type, send.path);
  }

  async *#lines<T extends z.ZodType>(send: Send, type: T): AsyncGenerator<z.output<T>> {
    const splitter = new LineSplitter({ maxBytes: MAX_LINE_BYTES });
    try {
      const response = await this.#open(send, STREAM_SILENCE_MS);
      for await (const chunk of response as AsyncIterable<Buffer>) {
        for (const line of splitter.push(chunk)) {
          if (line.kind === 'too-long')
            throw apiErrors.make('E_API_RESPONSE', { detail: `a line of ${line.bytes} bytes` });
          yield parse(line.text, type, send.path);
        }
      }
    } catch (error) {
      if (send.signal?.aborted) return;
      throw this.#unreachable(error);
    }
  }

  /** Sends and checks the status; the body is still to be read. */
  async #open(send: Send, timeoutMs: number): Promise<http.IncomingMessage> {
    const body = send.body === undefined ? undefined : JSON.stringify(send.body);
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const request = http.request(
      {
        socketPath: this.socketPath,
        path: send.path,
        method: send.method,
        headers: {
          host: 'agent',
          connection: 'close',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...withSignal(send.signal),
      },
      resolve,
    );
    request.setTimeout(timeoutMs, () =>
      request.destroy(
        apiErrors.make('E_API_UNREACHABLE', { detail: `${this.socketPath}: no answer in ${timeoutMs} ms` }),
      ),
    );
    request.on('error', reject);
    request.end(body);
    const response = await promise.catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    if (response.statusCode === 200) return response;
    const { error } = parse(await readAll(response), z.object({ error: schema.problemSchema }), send.path);
    throw problemError(error);
  }

  #unreachable(error: unknown): MembraneError {
    if (error instanceof MembraneError) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    const remedy = remedyFor(code);
    return apiErrors.make('E_API_UNREACHABLE', {
      detail: `${this.socketPath}: ${code ?? message}`,
      cause: error,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

function remedyFor(code: string | undefined): string | undefined {
  if (code === 'EACCES' || code === 'EPERM') return 'Run this as root: only root may open the admin socket.';
  if (code === 'ECONNREFUSED') return 'The agent that made this socket is dead: start it again.';
  return undefined;
}

function problemError(problem: schema.Problem): MembraneError {
  return new MembraneError(problem.code as ErrorCode, problem.message, problem.remedy);
}

function parse<T extends z.ZodType>(text: string, type: T, path: string): z.output<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw apiErrors.make('E_API_RESPONSE', { detail: `${path}: not JSON`, cause });
  }
  const parsed = type.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw apiErrors.make('E_API_RESPONSE', { detail: `${path}: ${issue?.path.join('.')}: ${issue?.message}` });
}

async function readAll(response: http.IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

function segments(...parts: string[]): string {
  return parts.map((part) => encodeURIComponent(part)).join('/');
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
