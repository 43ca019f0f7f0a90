import http from 'node:http';
import { z } from 'zod';
import { type ErrorCode, LineSplitter, MembraneError } from '../base/index.ts';
import { apiErrors } from './errors.ts';
import { type Problem, problemSchema } from './views/problem.ts';

export type TransportOptions = {
  readonly socketPath: string;
  /** Until an answer begins, and between two pieces of it. Default 10 s. */
  readonly timeoutMs?: number;
};

export type Send = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
};

/** A stream says `alive` every 15 s: three missed and the agent is gone. */
const STREAM_SILENCE_MS = 50_000;
const MAX_LINE_BYTES = 1024 * 1024;

/** HTTP on an agent's socket. Throws MembraneError: E_API_UNREACHABLE, E_API_RESPONSE, or the agent's own. */
export class Transport {
  readonly #socketPath: string;
  readonly #timeoutMs: number;

  constructor(options: TransportOptions) {
    this.#socketPath = options.socketPath;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  async json(send: Send, type: z.ZodType): Promise<unknown> {
    return parse(await readAll(await this.#open(send, this.#timeoutMs)), type, send.path);
  }

  /** Signs of life are taken out; an error of the agent is thrown. Ends quietly when the signal is aborted. */
  async *lines(send: Send, type: z.ZodType): AsyncGenerator {
    const splitter = new LineSplitter({ maxBytes: MAX_LINE_BYTES });
    try {
      const response = await this.#open(send, STREAM_SILENCE_MS);
      for await (const chunk of response as AsyncIterable<Buffer>) {
        for (const line of splitter.push(chunk)) {
          if (line.kind === 'too-long')
            throw apiErrors.make('E_API_RESPONSE', { detail: `a line of ${line.bytes} bytes` });
          const value = jsonOf(line.text, send.path);
          const { kind } = value as { kind?: unknown };
          if (kind === 'error') throw problemError(checked(value, failure, send.path).error);
          if (kind !== 'alive') yield checked(value, type, send.path);
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
        socketPath: this.#socketPath,
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
        apiErrors.make('E_API_UNREACHABLE', { detail: `${this.#socketPath}: no answer in ${timeoutMs} ms` }),
      ),
    );
    request.on('error', reject);
    request.end(body);
    const response = await promise.catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    if (response.statusCode === 200) return response;
    const { error } = parse(await readAll(response), failure, send.path);
    throw problemError(error);
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

function problemError(problem: Problem): MembraneError {
  return new MembraneError(problem.code as ErrorCode, problem.message, problem.remedy);
}

const failure = z.object({ error: problemSchema });

function parse<T extends z.ZodType>(text: string, type: T, path: string): z.output<T> {
  return checked(jsonOf(text, path), type, path);
}

function jsonOf(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw apiErrors.make('E_API_RESPONSE', { detail: `${path}: not JSON`, cause });
  }
}

function checked<T extends z.ZodType>(value: unknown, type: T, path: string): z.output<T> {
  const parsed = type.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw apiErrors.make('E_API_RESPONSE', { detail: `${path}: ${issue?.path.join('.')}: ${issue?.message}` });
}

async function readAll(response: http.IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
