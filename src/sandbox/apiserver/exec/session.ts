import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorMessage, type Logger } from '../../../base/index.ts';
import { parseRequestInfo, pathSteps } from '../http/request-info.ts';
import { ApiError, badRequest, internalError, noSuchResource } from '../status.ts';
import type { ApiStore } from '../store/api-store.ts';
import { carryOutput, type ExecProcess, execOptionsOf, feed, type PodExec, resizeFrom } from './process.ts';
import { WebSocketConnection } from './websocket.ts';

/** Newest first. v5 can also say that the input has ended. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

export type ExecContext = { readonly store: ApiStore; readonly podExec: PodExec | undefined; readonly log: Logger };

/** Answers a request to change protocols: `kubectl exec`. The sender is known to be allowed. */
export async function upgradeToExec(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  context: ExecContext,
): Promise<void> {
  try {
    const protocol = negotiated(request);
    const process = await startProcess(request, context);
    const connection = new WebSocketConnection(socket);
    serve(connection, process);
    connection.accept(request.headers['sec-websocket-key'] ?? '', protocol, head);
  } catch (error) {
    if (!(error instanceof ApiError)) context.log.error({ error: errorMessage(error) }, 'exec failed');
    refuseUpgrade(socket, error instanceof ApiError ? error : internalError('see the log of the sandbox'));
  }
}

function negotiated(request: IncomingMessage): string {
  const asked = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  const protocol = PROTOCOLS.find((known) => asked.includes(known));
  if (request.headers.upgrade?.toLowerCase() !== 'websocket' || protocol === undefined) {
    throw badRequest(`exec needs a WebSocket with one of the protocols ${PROTOCOLS.join(', ')}`);
  }
  return protocol;
}

async function startProcess(request: IncomingMessage, { store, podExec }: ExecContext): Promise<ExecProcess> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const info = parseRequestInfo(pathSteps(url.pathname));
  if (info?.resource !== 'pods' || info.subresource !== 'exec' || info.name === undefined || podExec === undefined) {
    throw noSuchResource();
  }
  const { namespace = '', name } = info;
  const pod = store.require(store.catalog.named('pods'), { namespace, name }).object;
  return podExec(namespace, name, execOptionsOf(pod, url.searchParams));
}

function serve(connection: WebSocketConnection, process: ExecProcess): void {
  const send = (channel: number, chunk: Buffer): boolean =>
    connection.send(Buffer.concat([Buffer.from([channel]), chunk]));
  connection.onMessage = (message) => {
    const [channel] = message;
    const body = message.subarray(1);
    if (channel === CHANNEL.stdin) feed(process, body);
    else if (channel === CHANNEL.resize) resizeFrom(process, body);
    else if (channel === CHANNEL.close && body[0] === CHANNEL.stdin) process.stdin?.end();
  };
  connection.onClose = () => process.kill();
  void carryOutput(process, {
    stdout: (chunk) => send(CHANNEL.stdout, chunk),
    stderr: (chunk) => send(CHANNEL.stderr, chunk),
    drained: () => connection.drained(),
    end: (status) => {
      send(CHANNEL.error, Buffer.from(JSON.stringify(status)));
      connection.close();
    },
  });
}

/** An ordinary answer to a request that wanted another protocol. */
export function refuseUpgrade(socket: Duplex, error: ApiError): void {
  const body = JSON.stringify(error.toStatus());
  socket.on('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${error.code} ${error.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
