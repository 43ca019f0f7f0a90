import type { IncomingMessage } from 'node:http';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { SpdyConnection, type SpdyStream } from '../spdy/index.ts';
import { carryOutput, type ExecProcess, feed, resizeFrom } from '../streams/process.ts';
import { drained, type ExecTransport, protocolOf } from '../streams/transport.ts';

const PROTOCOLS = ['v4.channel.k8s.io'];

/** `kubectl exec` before 1.30. Undefined when the client asks for something else. */
export function spdyTransport(request: IncomingMessage): ExecTransport | undefined {
  if (!/^spdy\/3\.1$/i.test(request.headers.upgrade ?? '')) return undefined;
  const protocol = protocolOf(request, 'x-stream-protocol-version', PROTOCOLS);
  if (protocol === undefined) return undefined;
  return ({ socket, head }, process) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
    );
    const connection = new SpdyConnection(socket);
    serve(connection, heldBack(process), expectedStreams(request));
    void connection.serve(head).finally(() => process.kill());
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
  const opened = new Map<string, SpdyStream>();
  let begun = false;
  connection.onStream = (stream) => {
    const type = stream.headers.get('streamtype') ?? '';
    opened.set(type, stream);
    if (type === 'stdin') {
      stream.on('data', (chunk: Buffer) => feed(process, chunk));
      stream.once('end', () => process.stdin?.end());
    } else if (type === 'resize') stream.on('data', (chunk: Buffer) => resizeFrom(process, chunk));
    else stream.resume();
    // Output must have somewhere to go before it is read.
    if (begun || ![...expected].every((name) => opened.has(name))) return;
    begun = true;
    const write = (name: string, chunk: Buffer): boolean => opened.get(name)?.write(chunk) ?? true;
    void carryOutput(process, {
      stdout: (chunk) => write('stdout', chunk),
      stderr: (chunk) => write('stderr', chunk),
      drained: async () => {
        for (const output of opened.values()) if (output.writableNeedDrain) await drained(output);
      },
      end: (status) => {
        opened.get('error')?.end(JSON.stringify(status));
        for (const output of ['stdout', 'stderr']) opened.get(output)?.end();
        connection.close();
      },
    });
  };
}
