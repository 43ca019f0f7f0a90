import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExecProcess } from './process.ts';

/** A client's request to change protocols. `head`: bytes that came with it. */
export type Upgrade = { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer };

/** A protocol that carries a process's streams to the client: answers the request, then serves until either side ends. */
export type ExecTransport = (upgrade: Upgrade, process: ExecProcess) => void;

/** The first of `known` that the client names in a comma-separated header. */
export function protocolOf(request: IncomingMessage, header: string, known: readonly string[]): string | undefined {
  const asked = String(request.headers[header] ?? '')
    .split(',')
    .map((protocol) => protocol.trim());
  return known.find((name) => asked.includes(name));
}

/** Resolves when more may be written, or nothing can be any more; a socket that fails is for whoever listens to it. */
export async function drained(socket: Duplex): Promise<void> {
  if (socket.destroyed) return;
  const over = new AbortController();
  const { signal } = over;
  const either = Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]);
  await either.catch(() => undefined);
  over.abort();
}
