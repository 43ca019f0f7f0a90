import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import {
  type AnyValue,
  ExportLogsServiceRequestSchema,
  ExportLogsServiceResponseSchema,
  type KeyValue,
  LogRecordSchema,
  LogsService,
} from '../../api/hubble/gen/otlp/logs_pb.js';

export type Told = {
  readonly body: unknown;
  readonly severity: string;
  readonly event: string;
  readonly time: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
};

export type Asked = {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly records: readonly Told[];
};

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse, asked: Asked) => void;
type Tls = https.ServerOptions;

/** A collector that speaks OTLP over HTTP, and answers as it is told to. */
export class HttpCollector implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** Of the next requests, one each; then all is taken. */
  readonly next: Handler[] = [];
  readonly #server: http.Server;

  constructor(tls?: Tls) {
    const answer: http.RequestListener = (request, response) => void this.#answer(request, response);
    this.#server = tls === undefined ? http.createServer(answer) : https.createServer(tls, answer);
    this.#server.on('tlsClientError', () => undefined);
  }

  get port(): number {
    return portOf(this.#server);
  }

  async listen(port = 0): Promise<this> {
    await listening(this.#server, port);
    return this;
  }

  /** Taken, or not. */
  get flows(): readonly Told[] {
    return this.asked.flatMap(({ records }) => records);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await closed(this.#server);
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const sent = Buffer.concat(parts);
    const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
    const asked = { path: request.url ?? '', headers: request.headers, ...read(plain) };
    this.asked.push(asked);
    (this.next.shift() ?? take())(request, response, asked);
  }
}

/** All of it, but so many. */
export function take(rejectedLogRecords = 0, errorMessage = ''): Handler {
  const partial = rejectedLogRecords === 0 ? {} : { rejectedLogRecords: BigInt(rejectedLogRecords), errorMessage };
  const message = create(ExportLogsServiceResponseSchema, { partialSuccess: partial });
  const body = toBinary(ExportLogsServiceResponseSchema, message);
  return (_, response) => void response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(body);
}

export function refuse(status: number, headers: http.OutgoingHttpHeaders = {}, body: string | Buffer = ''): Handler {
  return (_, response) => void response.writeHead(status, headers).end(body);
}

/** Throws what the client is to hear, or says how many are not taken. */
export type GrpcAnswer = () => Promise<number>;

/** As `HttpCollector`, over gRPC. */
export class GrpcCollector implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly next: GrpcAnswer[] = [];
  readonly #server: http2.Http2Server;
  readonly #sessions = new Set<http2.ServerHttp2Session>();

  constructor(tls?: http2.SecureServerOptions) {
    const handler = connectNodeAdapter({
      routes: (router) =>
        router.service(LogsService, {
          export: async (request, { requestHeader }) => {
            const headers = Object.fromEntries(requestHeader.entries());
            const bytes = toBinary(ExportLogsServiceRequestSchema, request);
            this.asked.push({ path: 'gRPC', headers, ...read(bytes) });
            const rejected = (await this.next.shift()?.()) ?? 0;
            return rejected === 0 ? {} : { partialSuccess: { rejectedLogRecords: BigInt(rejected) } };
          },
        }),
    });
    this.#server = tls === undefined ? http2.createServer(handler) : http2.createSecureServer(tls, handler);
    this.#server.on('session', (session: http2.ServerHttp2Session) => this.#sessions.add(session));
    this.#server.on('sessionError', () => undefined);
  }

  get port(): number {
    return portOf(this.#server);
  }

  get flows(): readonly Told[] {
    return this.asked.flatMap(({ records }) => records);
  }

  async listen(port = 0): Promise<this> {
    await listening(this.#server, port);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    await closed(this.#server);
  }
}

function read(bytes: Uint8Array): Pick<Asked, 'resource' | 'records'> {
  const { resourceLogs } = fromBinary(ExportLogsServiceRequestSchema, bytes);
  return {
    resource: plainOf(resourceLogs[0]?.resource?.attributes ?? []),
    records: resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords.map(told))),
  };
}

function told(bytes: Uint8Array): Told {
  const { body, severityNumber, severityText, eventName, timeUnixNano, attributes } = fromBinary(
    LogRecordSchema,
    bytes,
  );
  return {
    body: body && valueOf(body),
    severity: `${severityNumber} ${severityText}`,
    event: eventName,
    time: timeUnixNano,
    attributes: plainOf(attributes),
  };
}

const plainOf = (attributes: readonly KeyValue[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value && valueOf(value)]));

function valueOf({ value }: AnyValue): unknown {
  if (value.case === 'arrayValue') return value.value.values.map(valueOf);
  return value.case === 'intValue' ? Number(value.value) : value.value;
}

const portOf = (server: { readonly address: Server['address'] }): number => (server.address() as AddressInfo).port;

async function listening(server: http.Server | http2.Http2Server, port: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  (server as Server).listen({ host: '127.0.0.1', port }, resolve);
  await promise;
}

async function closed(server: http.Server | http2.Http2Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  await promise;
}
