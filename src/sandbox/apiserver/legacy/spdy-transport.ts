import type { IncomingMessage } from 'node:http';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { carryOutput, type ExecProcess, feed, resizeFrom } from '../exec/process.ts';
import { type ExecTransport, protocolOf } from '../exec/transport.ts';
import { SpdyConnection } from './spdy-connection.ts';

const PROTOCOLS = ['v4.channel.k8s.io'];

/** `kubectl exec` before 1.30. Undefined when the client asks for something else. */
export function spdyTransport(request: IncomingMessage): ExecTransport | undefined {
  if (!/^spdy\/3\.1$/i.test(request.headers.upgrade ?? '')) return undefined;
  const protocol = protocolOf(request, 'x-stream-protocol-version', PROTOCOLS);
  if (protocol === undefined) return undefined;
  return ({ socket, head }, process) => {
    const connection = new SpdyConnection(socket);
    serve(connection, heldBack(process), expectedStreams(request));
    connection.accept(protocol, head);
  };
}

/** Types of the streams that the client opens. */
function expectedStreams(request: IncomingMessage): ReadonlySet<string> {
  const query = new URL(request.url ?? '/', 'http://sandbox').searchParams;
  const wanted = ['stdin', 'stdout', 'stderr'].filter((stream) => query.get(stream) === 'true');
  return new Set(['error', ...wanted.filter((stream) => stream !== 'stderr' || query.get('tty') !== 'true')]);
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
function serve(connection: SpdyConnection, process: ExecProcess, expected: ReadonlySet<string>): void {
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
}
