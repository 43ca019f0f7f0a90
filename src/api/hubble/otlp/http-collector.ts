import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { errorMessage } from '../../../base/index.ts';
import { ExportLogsServiceRequestSchema, ExportLogsServiceResponseSchema } from '../gen/otlp/logs_pb.js';
import { StatusSchema } from '../gen/otlp/status_pb.js';
import {
  answerOf,
  type CollectorOptions,
  headersOf,
  type LogsSender,
  MOST_ANSWER_BYTES,
  requestOf,
  secretsOf,
  type Taken,
} from './collector.ts';
import { CollectorError } from './collector-error.ts';

const TYPE = 'application/x-protobuf';
/** OTLP: these may be sent again, all others not. */
const AGAIN: readonly number[] = [429, 502, 503, 504];
const IDLE_MS = 60_000;
const compressed = promisify(gzip);

type Answer = { readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: Buffer };

/** OTLP over HTTP, as protobuf, by one connection that is kept. Redirects are not followed: what is sent is not for others. */
export function httpCollector(options: CollectorOptions): LogsSender {
  const url = new URL(options.endpoint);
  if (url.pathname === '/') url.pathname = '/v1/logs';
  const isSecure = url.protocol === 'https:';
  const agent = new (isSecure ? https : http).Agent({ keepAlive: true, maxSockets: 1, timeout: IDLE_MS });
  return {
    async send(records, signal) {
      const plain = toBinary(ExportLogsServiceRequestSchema, requestOf(records, options));
      const isGzip = options.compression === 'gzip';
      const body = isGzip ? await compressed(plain) : plain;
      const headers = {
        ...headersOf(options),
        'content-type': TYPE,
        'content-length': String(body.length),
        'user-agent': `membrane/${options.version}`,
        ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
      };
      const request = { method: 'POST', agent, headers, signal, ...(isSecure ? secretsOf(options) : {}) };
      return judge(await ask(url, request, body));
    },
    close: () => agent.destroy(),
  };
}

async function ask(url: URL, options: https.RequestOptions, body: Uint8Array): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const failed = (error: unknown) => reject(new CollectorError(errorMessage(error), { again: true }));
  const isSecure = url.protocol === 'https:';
  const request = (isSecure ? https : http).request(url, options, (response) => {
    const { statusCode: status = 0, headers } = response;
    const parts: Buffer[] = [];
    let length = 0;
    response.on('data', (part: Buffer) => {
      length += part.length;
      parts.push(part);
      if (length <= MOST_ANSWER_BYTES) return;
      reject(new CollectorError(`its answer is longer than ${MOST_ANSWER_BYTES} bytes`, { again: false }));
      response.destroy();
    });
    response.once('end', () => resolve({ status, headers, body: Buffer.concat(parts) }));
    response.once('error', failed);
  });
  request.once('error', failed);
  request.end(body);
  return await promise;
}

function judge({ status, headers, body }: Answer): Taken {
  if (status === 200) return accepted(headers['content-type'], body);
  const said = `HTTP ${status}${messageIn(headers['content-type'], body)}`;
  const again = AGAIN.includes(status);
  throw new CollectorError(said, { again, afterMs: again ? retryAfter(headers['retry-after']) : 0 });
}

/** Whoever answers 200 with anything else is no collector, and has not taken anything. */
function accepted(type: string | undefined, body: Buffer): Taken {
  try {
    if (body.length > 0 && !isProtobuf(type)) throw new TypeError(`its answer is ${JSON.stringify(type ?? '')}`);
    const { partialSuccess } = fromBinary(ExportLogsServiceResponseSchema, body);
    return answerOf(partialSuccess);
  } catch (error) {
    throw new CollectorError(`does not speak OTLP: ${errorMessage(error)}`, { again: false });
  }
}

const isProtobuf = (type: string | undefined): boolean => type?.split(';')[0]?.trim().toLowerCase() === TYPE;

function messageIn(type: string | undefined, body: Buffer): string {
  try {
    const { message } = isProtobuf(type) ? fromBinary(StatusSchema, body) : { message: '' };
    return message === '' ? '' : `: ${message}`;
  } catch {
    return '';
  }
}

/** ms; seconds, or a date. */
function retryAfter(text: string | undefined): number {
  if (text === undefined) return 0;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}
