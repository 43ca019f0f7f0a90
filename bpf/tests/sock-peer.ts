/**
 * A process with sockets, told what to do by lines of JSON on its standard input; it answers each with one line. It runs
 * in a cgroup and a network namespace of a test.
 */
import { createSocket, type Socket as Datagram } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { type DatagramCall, datagramCalls } from './raw-datagram.ts';

export type PeerCommand =
  | { readonly op: 'serve'; readonly kind: 'tcp' | 'udp'; readonly host: string; readonly port: number }
  | { readonly op: 'tcp'; readonly host: string; readonly port: number }
  /** Sockets with the same name are one; a connected one is told so. */
  | {
      readonly op: 'udp';
      readonly host: string;
      readonly port: number;
      readonly socket?: string;
      readonly family?: 4 | 6;
      readonly connected?: boolean;
    }
  /** Opens that many connected UDP sockets and keeps them, until one is refused. */
  | { readonly op: 'flood'; readonly host: string; readonly port: number; readonly count: number }
  /** Calls on one UDP socket, which is closed then unless it has a name. */
  | { readonly op: 'calls'; readonly calls: readonly DatagramCall[]; readonly socket?: string }
  /** Closes every UDP socket that it keeps. */
  | { readonly op: 'close' };

/**
 * `from`: whom the process thinks it talked to. `by`: the server's own words for itself. `opened`: sockets of a flood.
 * `said`: of each call.
 */
export type PeerAnswer = {
  readonly error?: string;
  readonly from?: string;
  readonly by?: string;
  readonly opened?: number;
  readonly said?: readonly string[];
};

const WAIT_MS = 1_500;
const sockets = new Map<string, Datagram>();

function failed(error: unknown): PeerAnswer {
  return { error: (error as NodeJS.ErrnoException).code ?? String(error) };
}

async function serve(kind: 'tcp' | 'udp', host: string, port: number): Promise<PeerAnswer> {
  const { promise, resolve } = Promise.withResolvers<PeerAnswer>();
  const words = `${host}:${port}`;
  if (kind === 'tcp') {
    const server = createServer((client) => client.on('error', () => undefined).end(words));
    server.once('error', (error) => resolve(failed(error))).listen(port, host, () => resolve({ by: words }));
  } else {
    const socket = createSocket('udp4');
    socket.on('message', (_message, from) => socket.send(words, from.port, from.address));
    socket.once('error', (error) => resolve(failed(error))).bind(port, host, () => resolve({ by: words }));
  }
  return await promise;
}

async function tcp(host: string, port: number): Promise<PeerAnswer> {
  const { promise, resolve } = Promise.withResolvers<PeerAnswer>();
  const socket = connect({ host, port, timeout: WAIT_MS });
  let from = '';
  let by = '';
  socket.once('connect', () => {
    from = `${socket.remoteAddress}:${socket.remotePort}`;
  });
  socket.on('data', (data) => {
    by += data.toString();
  });
  socket.once('end', () => resolve({ from, by }));
  socket.once('timeout', () => resolve({ error: 'timeout' }));
  socket.once('error', (error) => resolve(failed(error)));
  const answer = await promise;
  socket.destroy();
  return answer;
}

async function udp(command: Extract<PeerCommand, { op: 'udp' }>): Promise<PeerAnswer> {
  const { host, port, connected = false, family = 4 } = command;
  const name = command.socket ?? `${Math.random()}`;
  const { promise, resolve } = Promise.withResolvers<PeerAnswer>();
  let socket = sockets.get(name);
  const fresh = socket === undefined;
  socket ??= createSocket(family === 6 ? 'udp6' : 'udp4');
  sockets.set(name, socket);
  socket.removeAllListeners();
  socket.once('error', (error) => resolve(failed(error)));
  socket.once('message', (message, from) => resolve({ by: message.toString(), from: `${from.address}:${from.port}` }));
  const timer = setTimeout(() => resolve({ error: 'timeout' }), WAIT_MS);
  const sent = (error: Error | null): void => {
    if (error !== null) resolve(failed(error));
  };
  if (!connected) socket.send('?', port, host, sent);
  else if (fresh) {
    // Node hands the callback an error that its types do not mention.
    const connectedTo = (error?: Error): void => (error ? resolve(failed(error)) : socket.send('?', sent));
    socket.connect(port, host, connectedTo);
  } else socket.send('?', sent);
  const answer = await promise;
  clearTimeout(timer);
  if (command.socket === undefined) {
    socket.close();
    sockets.delete(name);
  }
  return answer;
}

async function flood({ host, port, count }: Extract<PeerCommand, { op: 'flood' }>): Promise<PeerAnswer> {
  for (let opened = 0; opened < count; opened++) {
    const socket = createSocket('udp4');
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    socket.once('error', resolve);
    // Node hands the callback an error that its types do not mention.
    socket.connect(port, host, (error?: Error) => resolve(error));
    const error = await promise;
    if (error !== undefined) {
      socket.close();
      return { opened, ...failed(error) };
    }
    // Rows that were looked up are the last that a map gives away.
    socket.remoteAddress();
    sockets.set(`flood-${sockets.size}`, socket);
  }
  return { opened: count };
}

function close(): PeerAnswer {
  for (const socket of sockets.values()) socket.close();
  sockets.clear();
  return {};
}

async function run(command: PeerCommand): Promise<PeerAnswer> {
  switch (command.op) {
    case 'serve':
      return await serve(command.kind, command.host, command.port);
    case 'tcp':
      return await tcp(command.host, command.port);
    case 'udp':
      return await udp(command);
    case 'flood':
      return await flood(command);
    case 'calls':
      return { said: await datagramCalls(command.calls, command.socket) };
    case 'close':
      return close();
  }
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = await run(JSON.parse(line) as PeerCommand).catch(failed);
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}
