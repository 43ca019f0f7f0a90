import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { carryOutput, type ExecProcess, feed, resizeFrom } from './process.ts';
import { drained, type ExecTransport, protocolOf } from './transport.ts';

/** Newest first. v5 can also say that the input has ended. */
export const WEBSOCKET_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** The first byte of every message. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** kubectl sends 32 KiB at most. */
const MAX_MESSAGE = 1024 * 1024;
/** RFC 6455, 7.4.1. kubectl takes an end without a code for a failure. */
const NORMAL_CLOSURE = 1000;
/** For a client that does not answer the end. */
const CLOSE_TIMEOUT_MS = 3_000;

/** The published types do not know `closeTimeout` yet. */
const OPTIONS: ServerOptions & { readonly closeTimeout: number } = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE,
  closeTimeout: CLOSE_TIMEOUT_MS,
  handleProtocols: (asked) => WEBSOCKET_PROTOCOLS.find((name) => asked.has(name)) ?? false,
};

const server = new WebSocketServer(OPTIONS);

/** Undefined when the client asks for something else. */
export function webSocketTransport(request: IncomingMessage): ExecTransport | undefined {
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') return undefined;
  if (protocolOf(request, 'sec-websocket-protocol', WEBSOCKET_PROTOCOLS) === undefined) return undefined;
  return ({ request: asked, socket, head }, process) => {
    server.handleUpgrade(asked, socket, head, (connection) => serve(connection, socket, process));
  };
}

function serve(connection: WebSocket, socket: Duplex, process: ExecProcess): void {
  /** False: wait for `drained` before sending more. What comes after the end goes nowhere. */
  const send = (channel: number, chunk: Buffer): boolean => {
    if (connection.readyState !== connection.OPEN) return true;
    connection.send(Buffer.concat([Buffer.from([channel]), chunk]));
    return !socket.writableNeedDrain;
  };
  connection.on('message', (message: Buffer) => {
    const [channel] = message;
    const body = message.subarray(1);
    if (channel === CHANNEL.stdin) feed(process, body);
    else if (channel === CHANNEL.resize) resizeFrom(process, body);
    else if (channel === CHANNEL.close && body[0] === CHANNEL.stdin) process.stdin?.end();
  });
  // It closes by itself, with the code that says why.
  connection.on('error', () => undefined);
  connection.on('close', () => process.kill());
  void carryOutput(process, {
    stdout: (chunk) => send(CHANNEL.stdout, chunk),
    stderr: (chunk) => send(CHANNEL.stderr, chunk),
    drained: () => drained(socket),
    end: (status) => {
      send(CHANNEL.error, Buffer.from(JSON.stringify(status)));
      connection.close(NORMAL_CLOSURE);
    },
  });
}
