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

export type KubeFailure = { readonly error: MembraneError; readonly retryAfterMs?: number };

/** The error that a `Status` object or an HTTP status stands for. */
export function failureOf(status: unknown, httpStatus: number, what: string): KubeFailure {
  const parsed = statusSchema.safeParse(status);
  const body = parsed.success ? parsed.data : {};
  const code = codeOfStatus(body.code ?? httpStatus);
  const detail = `${what}: ${body.message ?? `HTTP ${httpStatus}`}`;
  const seconds = body.details?.retryAfterSeconds;
  return {
    error: kubeErrors.make(body.reason === 'Expired' || body.reason === 'Gone' ? 'E_KUBE_GONE' : code, { detail }),
    ...(seconds === undefined ? {} : { retryAfterMs: seconds * 1000 }),
  };
}
