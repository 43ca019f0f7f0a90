import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json } from '../json.ts';
import { type ParsedBody, parseJsonBody, parseYamlBody } from '../parse.ts';
import { bodyTooLarge, unsupportedMediaType } from '../status.ts';
import type { DeleteOptions, WriteOptions } from '../store/options.ts';
import { decodeProtobuf } from './protobuf.ts';

/** As the real server limits it. */
export const BODY_LIMIT = 3 * 1024 * 1024;

/** One request and its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Has the last word about what is written; see `WriteOptions`. */
  admit: WriteOptions['admit'];
  /** The same of what is deleted. */
  admitDeletion: DeleteOptions['admit'];
  readonly #warnings = new Set<string>();

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.response = response;
    const target = request.url ?? '/';
    const mark = target.indexOf('?');
    this.path = mark < 0 ? target : target.slice(0, mark);
    this.query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1));
  }

  get method(): string {
    return this.request.method ?? 'GET';
  }

  /** The media type of the body, without parameters. */
  get contentType(): string {
    return (this.request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(',') : value;
  }

  /** Shown to the client as a `Warning` header. */
  readonly warn = (message: string): void => {
    if (this.#warnings.size < 50) this.#warnings.add(message);
  };

  get hasBody(): boolean {
    const { headers } = this.request;
    return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  }

  async body(): Promise<Buffer> {
    const declared = Number(this.request.headers['content-length'] ?? 0);
    if (declared > BODY_LIMIT) throw bodyTooLarge(BODY_LIMIT);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.request) {
      size += (chunk as Buffer).length;
      if (size > BODY_LIMIT) throw bodyTooLarge(BODY_LIMIT);
      chunks.push(chunk as Buffer);
    }
    return Buffer.concat(chunks);
  }

  /** The body as an object of the API, in JSON or YAML. */
  async parsedBody(): Promise<ParsedBody> {
    const body = await this.body();
    switch (this.contentType) {
      case '':
      case 'application/json':
        return parseJsonBody(body);
      case 'application/yaml':
        return parseYamlBody(body);
      case 'application/vnd.kubernetes.protobuf':
        return { value: decodeProtobuf(body), duplicates: [] };
      default:
        throw unsupportedMediaType('application/json, application/yaml, application/vnd.kubernetes.protobuf');
    }
  }

  json(status: number, value: Json): void {
    this.send(status, JSON.stringify(value), 'application/json');
  }

  send(status: number, body: string | Buffer, contentType: string): void {
    if (this.response.headersSent) {
      this.response.destroy();
      return;
    }
    this.response.writeHead(status, {
      ...this.headers(contentType),
      'Content-Length': Buffer.byteLength(body),
    });
    this.response.end(this.method === 'HEAD' ? undefined : body);
  }

  headers(contentType: string): Record<string, string | string[]> {
    const warnings = [...this.#warnings].map((text) => `299 - ${quoted(text)}`);
    return {
      'Content-Type': contentType,
      'Cache-Control': 'no-cache, private',
      ...(warnings.length === 0 ? {} : { Warning: warnings }),
    };
  }
}

/** A quoted string of a header: nothing in it can end the line or the quotes. */
function quoted(text: string): string {
  const safe = text.replace(/[^\x20-\x7e]/g, '?').slice(0, 1_000);
  return `"${safe.replace(/(["\\])/g, '\\$1')}"`;
}
