import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { SpdyConnection, type SpdyStream } from '../spdy/index.ts';
import { badRequest } from '../status.ts';
import { protocolOf, type Upgrade } from './transport.ts';

/** Connects to a port of the pod. */
type Dial = (port: number) => Promise<Duplex>;

const PROTOCOL = 'portforward.k8s.io';
/** SPDY within messages of a WebSocket: kubectl since 1.31. */
const TUNNEL = `SPDY/3.1+${PROTOCOL}`;
const MAX_MESSAGE = 1024 * 1024;

const tunnels = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE,
  handleProtocols: (asked) => asked.has(TUNNEL) && TUNNEL,
});

/** Throws when the client asks for another protocol. */
export function portForwarding(request: IncomingMessage): (upgrade: Upgrade, dial: Dial) => void {
  const upgrade = request.headers.upgrade?.toLowerCase();
  if (upgrade === 'websocket' && protocolOf(request, 'sec-websocket-protocol', [TUNNEL]) !== undefined) {
    return ({ request: asked, socket, head }, dial) => {
      tunnels.handleUpgrade(asked, socket, head, (connection) => {
        serve(createWebSocketStream(connection), Buffer.alloc(0), dial);
      });
    };
  }
  if (upgrade === 'spdy/3.1' && protocolOf(request, 'x-stream-protocol-version', [PROTOCOL]) !== undefined) {
    return ({ socket, head }, dial) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: ${PROTOCOL}\r\n\r\n`,
      );
      serve(socket, head, dial);
    };
  }
  throw badRequest(`unable to upgrade: the stream protocols of port-forward are ${PROTOCOL} and ${TUNNEL}`);
}

/** Each connection is a pair of streams with one request id: its bytes, and what is said when it fails. */
function serve(transport: Duplex, head: Buffer, dial: Dial): void {
  const connection = new SpdyConnection(transport);
  const waiting = new Map<string, SpdyStream>();
  connection.onStream = (stream) => {
    // The client says nothing on it.
    if (typeOf(stream) === 'error') stream.resume();
    const request = requestOf(stream);
    const other = waiting.get(request);
    if (other === undefined || typeOf(other) === typeOf(stream)) {
      waiting.set(request, stream);
      stream.once('close', () => {
        if (waiting.get(request) === stream) waiting.delete(request);
      });
      return;
    }
    waiting.delete(request);
    const [data, error] = typeOf(stream) === 'data' ? [stream, other] : [other, stream];
    void forward(data, error, dial);
  };
  void connection.serve(head);
}

const typeOf = (stream: SpdyStream): string => stream.headers.get('streamtype') ?? '';

/** Clients that name no request open the stream for errors just before that for data. */
function requestOf(stream: SpdyStream): string {
  const id = typeOf(stream) === 'data' ? stream.id - 2 : stream.id;
  return stream.headers.get('requestid') ?? String(id);
}

async function forward(data: SpdyStream, error: SpdyStream, dial: Dial): Promise<void> {
  const port = Number(data.headers.get('port'));
  try {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`not a port: ${port}`);
    const socket = await dial(port);
    const heard = pipeline(data, socket);
    // kubectl before 1.21 ends its side only when it has heard that there are no errors.
    const said = pipeline(socket, data).then(() => error.end());
    await Promise.all([heard, said]).catch(() => socket.destroy());
  } catch (reason) {
    error.write(reason instanceof Error ? reason.message : String(reason));
  }
  error.end();
  data.end();
}
