import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';

/** A byte that says "not compressed", and the length of what follows. */
const PREFIX_BYTES = 5;

/** What a server answered in place of a message. */
export class GrpcError extends Error {
  /** google.rpc.Code */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Asks a gRPC server at a Unix socket, one message for one (gRPC over HTTP/2). */
export class GrpcClient {
  readonly #path: string;
  #session: ClientHttp2Session | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws GrpcError, or what became of the connection. */
  async call(service: string, method: string, message: Buffer, timeoutSeconds: number): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const stream = this.#connected().request({
      ':method': 'POST',
      ':path': `/${service}/${method}`,
      'content-type': 'application/grpc',
      'grpc-timeout': `${timeoutSeconds}S`,
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let status: GrpcError | undefined;
    // Without a message the status is in the headers.
    const read = ({ 'grpc-status': code, 'grpc-message': text }: IncomingHttpHeaders): void => {
      if (typeof code === 'string') status = new GrpcError(Number(code), decodeURIComponent(String(text ?? '')));
    };
    stream.on('response', read).on('trailers', read);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('error', reject);
    stream.once('close', () => {
      if (status?.code === 0) resolve(Buffer.concat(chunks).subarray(PREFIX_BYTES));
      else reject(status ?? new Error(`${this.#path} closed the connection`));
    });
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([prefix, message]));
    return await promise;
  }

  close(): void {
    this.#session?.destroy();
  }

  #connected(): ClientHttp2Session {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      this.#session = connectHttp2('http://localhost', { createConnection: () => connect(this.#path) });
      // Each request under way hears of it, too.
      this.#session.on('error', () => undefined);
    }
    return this.#session;
  }
}
