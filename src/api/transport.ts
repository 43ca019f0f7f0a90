import http from 'node:http';
import net from 'node:net';
import { at, type ErrorCode, type Json, LineSplitter, MembraneError, stringAt } from '../base/index.ts';
import { apiErrors } from './errors.ts';
import { SCHEMAS_HEADER } from './route.ts';
import type { Problem } from './views/problem.ts';

export type TransportOptions = {
  readonly socketPath: string;
  /** Without a sign of life, and between two pieces of an answer; a function is asked before each request. Default 10 s. */
  readonly timeoutMs?: number | (() => number);
};

export type Send = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
};

/** What is made of an answer: the same, or what is known of it. Throws E_API_RESPONSE. */
export type Check = (value: unknown) => unknown;
type CheckFor = (schemas: string | undefined) => Promise<Check>;

const TIMEOUT_MS = 10_000;
/** A stream says `alive` every 15 s: three missed and the agent is gone. */
const STREAM_SILENCE_MS = 50_000;
const MAX_LINE_BYTES = 1024 * 1024;

/** HTTP on an agent's socket. Throws MembraneError: E_API_UNREACHABLE, E_API_RESPONSE, or the agent's own. */
export class Transport {
  readonly #socketPath: string;
  readonly #timeoutMs: () => number;

  constructor(options: TransportOptions) {
    this.#socketPath = options.socketPath;
    const { timeoutMs = TIMEOUT_MS } = options;
    this.#timeoutMs = typeof timeoutMs === 'number' ? () => timeoutMs : timeoutMs;
  }

  async json(send: Send, checkFor: CheckFor): Promise<unknown> {
    const response = await this.#open(send, this.#timeoutMs());
    const value = jsonOf(await readAll(response), send.path);
    return (await checkFor(schemasOf(response)))(value);
  }

  /** Signs of life are taken out; an error of the agent is thrown. Ends quietly when the signal is aborted. */
  async *lines(send: Send, checkFor: CheckFor): AsyncGenerator {
    const splitter = new LineSplitter({ maxBytes: MAX_LINE_BYTES });
    try {
      const response = await this.#open(send, STREAM_SILENCE_MS);
      const check = await checkFor(schemasOf(response));
      for await (const chunk of response as AsyncIterable<Buffer>) {
        for (const line of splitter.push(chunk)) {
          if (line.kind === 'too-long')
            throw apiErrors.make('E_API_RESPONSE', { detail: `a line of ${line.bytes} bytes` });
          const value = jsonOf(line.text, send.path);
          const { kind } = value as { kind?: unknown };
          if (kind === 'error') throw problemError(value, send.path);
          if (kind !== 'alive') yield check(value);
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
        // An agent of connections, even one of a single connection, asks whether the host is an IP address, by a pattern
        // whose compilation costs as much as the rest of a request.
        createConnection: () => net.connect({ path: this.#socketPath }),
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
        apiErrors.make('E_API_UNREACHABLE', {
          detail: `${this.#socketPath}: no answer in ${timeoutMs} ms`,
          remedy: 'The agent is there and busy, or stopped: ask again, or look at its log.',
        }),
      ),
    );
    request.on('error', reject);
    request.end(body);
    const response = await promise.catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    if (response.statusCode === 200) return response;
    throw problemError(jsonOf(await readAll(response), send.path), send.path);
  }

  #unreachable(error: unknown): MembraneError {
    if (error instanceof MembraneError) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    const remedy = remedyFor(code);
    return apiErrors.make('E_API_UNREACHABLE', {
      detail: `${this.#socketPath}: ${code ?? message}`,
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

/** `body`: `{ error: Problem }`. */
function problemError(body: Json, path: string): MembraneError {
  const error = at(body, 'error');
  const problem: { [Field in keyof Problem]: string | undefined } = {
    code: stringAt(error, 'code'),
    message: stringAt(error, 'message'),
    remedy: stringAt(error, 'remedy'),
  };
  const { code, message, remedy } = problem;
  if (code === undefined || message === undefined || remedy === undefined) {
    return apiErrors.make('E_API_RESPONSE', { detail: `${path}: neither an answer nor an error` });
  }
  return new MembraneError(code as ErrorCode, message, remedy);
}

function schemasOf({ headers }: http.IncomingMessage): string | undefined {
  const said = headers[SCHEMAS_HEADER];
  return typeof said === 'string' ? said : undefined;
}

function jsonOf(text: string, path: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw apiErrors.make('E_API_RESPONSE', { detail: `${path}: not JSON`, cause });
  }
}

async function readAll(response: http.IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
