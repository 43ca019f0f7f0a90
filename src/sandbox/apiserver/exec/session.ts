import type { IncomingMessage } from 'node:http';
import { type Duplex, PassThrough, pipeline, type Readable } from 'node:stream';
import type { Logger } from '../../../base/index.ts';
import { asApiError } from '../http/refusal.ts';
import { parseRequestInfo, pathSteps } from '../http/request-info.ts';
import { type ApiError, badRequest, noSuchResource } from '../status.ts';
import type { ApiStore } from '../store/api-store.ts';
import { carryOutput, type ExecProcess, execOptionsOf, feed, type PodExec, resizeFrom } from './process.ts';
import { SpdyConnection } from './spdy.ts';
import { WebSocketConnection } from './websocket.ts';

/** Newest first. v5 can also say that the input has ended. */
const WEBSOCKET_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const SPDY_PROTOCOLS = ['v4.channel.k8s.io'];
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
    const spdy = /^spdy\/3\.1$/i.test(request.headers.upgrade ?? '');
    const protocol = negotiated(request, spdy);
    const { process, streams } = await startProcess(request, context);
    if (spdy) serveSpdy(socket, head, protocol, process, streams);
    else {
      const connection = new WebSocketConnection(socket);
      serve(connection, process);
      connection.accept(request.headers['sec-websocket-key'] ?? '', protocol, head);
    }
  } catch (error) {
    refuseUpgrade(socket, asApiError(error, context.log));
  }
}

function negotiated(request: IncomingMessage, spdy: boolean): string {
  const header = request.headers[spdy ? 'x-stream-protocol-version' : 'sec-websocket-protocol'];
  const asked = String(header ?? '')
    .split(',')
    .map((protocol) => protocol.trim());
  const known = spdy ? SPDY_PROTOCOLS : WEBSOCKET_PROTOCOLS;
  const protocol = known.find((name) => asked.includes(name));
  if ((!spdy && request.headers.upgrade?.toLowerCase() !== 'websocket') || protocol === undefined) {
    throw badRequest(`exec needs a WebSocket or SPDY/3.1 with one of the protocols ${WEBSOCKET_PROTOCOLS.join(', ')}`);
  }
  return protocol;
}

type Started = {
  readonly process: ExecProcess /** Types of the streams that a SPDY client opens. */;
  readonly streams: Set<string>;
};

async function startProcess(request: IncomingMessage, { store, podExec }: ExecContext): Promise<Started> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const info = parseRequestInfo(pathSteps(url.pathname));
  if (info?.resource !== 'pods' || info.subresource !== 'exec' || info.name === undefined || podExec === undefined) {
    throw noSuchResource();
  }
  const { namespace = '', name } = info;
  const pod = store.require(store.catalog.named('pods'), { namespace, name }).object;
  const options = execOptionsOf(pod, url.searchParams);
  const wanted = ['stdin', 'stdout', 'stderr'].filter((stream) => url.searchParams.get(stream) === 'true');
  const streams = new Set(['error', ...wanted.filter((stream) => stream !== 'stderr' || !options.tty)]);
  const process = await podExec(namespace, name, options);
  // A process that dies early must not take the server with it: the session tells the client.
  process.exited.catch(() => undefined);
  process.stdin?.on('error', () => undefined);
  return { process: heldBack(process), streams };
}

/**
 * Node throws away what a child wrote when nobody reads by the time it exits; the client's streams may open later than that.
 */
function heldBack(process: ExecProcess): ExecProcess {
  const hold = (stream: Readable | undefined): Readable | undefined =>
    stream === undefined ? undefined : pipeline(stream, new PassThrough(), () => undefined);
  return {
    stdin: process.stdin,
    stdout: hold(process.stdout),
    stderr: hold(process.stderr),
    exited: process.exited,
    resize: (columns, rows) => process.resize?.(columns, rows),
    kill: () => process.kill(),
  };
}

/** Each stream of the process is a stream of the connection, which the client opens. */
function serveSpdy(socket: Duplex, head: Buffer, protocol: string, process: ExecProcess, expected: Set<string>): void {
  const connection = new SpdyConnection(socket);
  const ids = new Map<string, number>();
  const send = (type: string, chunk: Buffer, last = false): boolean => {
    const id = ids.get(type);
    return id === undefined || connection.send(id, chunk, last);
  };
  connection.onData = (id, body, last) => {
    if (id === ids.get('resize')) resizeFrom(process, body);
    if (id !== ids.get('stdin')) return;
    feed(process, body);
    if (last) process.stdin?.end();
  };
  connection.onClose = () => process.kill();
  let begun = false;
  connection.onStream = (id, type) => {
    ids.set(type, id);
    // Output must have somewhere to go before it is read.
    if (begun || ![...expected].every((name) => ids.has(name))) return;
    begun = true;
    void carryOutput(process, {
      stdout: (chunk) => send('stdout', chunk),
      stderr: (chunk) => send('stderr', chunk),
      drained: () => connection.drained(),
      end: (status) => {
        send('error', Buffer.from(JSON.stringify(status)), true);
        for (const output of ['stdout', 'stderr']) send(output, Buffer.alloc(0), true);
        connection.close();
      },
    });
  };
  connection.accept(protocol, head);
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
