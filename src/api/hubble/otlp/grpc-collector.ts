import { fromBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { compressionGzip, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { LogsService } from '../gen/otlp/logs_pb.js';
import { type RetryInfo, RetryInfoSchema } from '../gen/otlp/status_pb.js';
import {
  answerOf,
  type CollectorOptions,
  headersOf,
  type LogsSender,
  MOST_ANSWER_BYTES,
  requestOf,
  secretsOf,
} from './collector.ts';
import { CollectorError } from './collector-error.ts';

/** OTLP: these may be sent again; ResourceExhausted where it is said when, and all others not. */
const AGAIN: readonly Code[] = [
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.Aborted,
  Code.OutOfRange,
  Code.Unavailable,
  Code.DataLoss,
];

type Link = {
  readonly secrets: string;
  readonly sessions: Http2SessionManager;
  readonly logs: ReturnType<typeof createClient<typeof LogsService>>;
};

/** OTLP over gRPC, by one connection that is kept until what it shows is replaced. */
export function grpcCollector(options: CollectorOptions): LogsSender {
  const { origin: baseUrl, protocol } = new URL(options.endpoint);
  let link: Link | undefined;

  const linked = (): Link => {
    const secrets = protocol === 'https:' ? secretsOf(options) : {};
    const shown = JSON.stringify(secrets);
    if (link?.secrets === shown) return link;
    link?.sessions.abort();
    const sessions = new Http2SessionManager(baseUrl, {}, secrets);
    const transport = createGrpcTransport({
      baseUrl,
      nodeOptions: secrets,
      sessionManager: sessions,
      readMaxBytes: MOST_ANSWER_BYTES,
      ...(options.compression === 'gzip' ? { sendCompression: compressionGzip } : {}),
    });
    link = { secrets: shown, sessions, logs: createClient(LogsService, transport) };
    return link;
  };

  return {
    async send(records, signal) {
      const { logs } = linked();
      const headers = headersOf(options);
      try {
        const { partialSuccess } = await logs.export(requestOf(records, options), { signal, headers });
        return answerOf(partialSuccess);
      } catch (error) {
        throw failure(ConnectError.from(error));
      }
    },
    close: () => link?.sessions.abort(),
  };
}

function failure(error: ConnectError): CollectorError {
  const { code, rawMessage } = error;
  const info = retryInfo(error);
  const isServers = !isOfConnection(error);
  const again = !isServers || AGAIN.includes(code) || (code === Code.ResourceExhausted && info !== undefined);
  const { seconds = 0n, nanos = 0 } = info?.retryDelay ?? {};
  const afterMs = again ? Math.max(0, Number(seconds) * 1_000 + nanos / 1e6) : 0;
  return new CollectorError(isServers ? `gRPC ${Code[code]}: ${rawMessage}` : rawMessage, { again, afterMs });
}

/** No answer at all: Node.js says why, in an error with a code of its own. */
function isOfConnection({ cause }: ConnectError): boolean {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string';
}

function retryInfo({ details }: ConnectError): RetryInfo | undefined {
  for (const detail of details) {
    if (!('type' in detail) || detail.type !== RetryInfoSchema.typeName) continue;
    try {
      return fromBinary(RetryInfoSchema, (detail as { readonly value: Uint8Array }).value);
    } catch {
      return undefined;
    }
  }
  return undefined;
}
