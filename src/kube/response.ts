import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { MembraneError } from '../base/index.ts';
import { codeOfStatus, kubeErrors } from './errors.ts';
import { transportError } from './transport.ts';

/** The body as JSON. E_KUBE_TOO_LARGE beyond `maxBytes`; the connection is given up then. */
export async function readJson(
  response: IncomingMessage,
  options: { maxBytes: number; what: string },
): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > options.maxBytes) {
        throw kubeErrors.make('E_KUBE_TOO_LARGE', { detail: `${options.what}: more than ${options.maxBytes} bytes` });
      }
      parts.push(part);
    }
  } catch (cause) {
    throw transportError(cause, options.what);
  }
  const text = Buffer.concat(parts).toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    if ((response.statusCode ?? 0) >= 400)
      return { kind: 'Status', code: response.statusCode, message: text.slice(0, 200) };
    throw kubeErrors.make('E_KUBE_RESPONSE', { detail: `${options.what}: not JSON`, cause });
  }
}

const statusSchema = z.object({
  message: z.string().optional(),
  reason: z.string().optional(),
  code: z.number().int().optional(),
  details: z.object({ retryAfterSeconds: z.number().optional() }).nullish(),
});

/** Errors of a server that said when it wants to be asked again. */
const retries = new WeakMap<Error, number>();

/** Milliseconds for which the server that answered so wants to be left alone; undefined: it did not say. */
export function retryAfterOf(error: unknown): number | undefined {
  return error instanceof Error ? retries.get(error) : undefined;
}

export type FailedAnswer = {
  /** Of the answer that carries it. */
  readonly httpStatus: number;
  /** Its header `retry-after`: all that a server says that is too busy for a `Status`. */
  readonly retryAfter?: string | undefined;
  readonly what: string;
};

/** The error that a `Status` object or an HTTP status stands for. */
export function failureOf(status: unknown, { httpStatus, retryAfter, what }: FailedAnswer): MembraneError {
  const parsed = statusSchema.safeParse(status);
  const body = parsed.success ? parsed.data : {};
  const code = codeOfStatus(body.code ?? httpStatus);
  const detail = `${what}: ${body.message ?? `HTTP ${httpStatus}`}`;
  const isGone = body.reason === 'Expired' || body.reason === 'Gone';
  const error = kubeErrors.make(isGone ? 'E_KUBE_GONE' : code, { detail });
  const seconds = body.details?.retryAfterSeconds ?? Number(retryAfter);
  if (seconds > 0) retries.set(error, Math.min(seconds, MOST_PATIENCE_S) * 1_000);
  return error;
}

/** Whoever says more does not mean it, or may not be obeyed: what is known would be older than the kernel may go on with. */
const MOST_PATIENCE_S = 60;
