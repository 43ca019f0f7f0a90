import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../../base/index.ts';
import { asApiError } from '../http/refusal.ts';
import { parseRequestInfo, pathSteps } from '../http/request-info.ts';
import { spdyTransport } from '../legacy/index.ts';
import { type ApiError, badRequest, noSuchResource } from '../status.ts';
import type { ApiStore } from '../store/api-store.ts';
import { type ExecProcess, execOptionsOf, type PodExec } from './process.ts';
import type { ExecTransport, Upgrade } from './transport.ts';
import { WEBSOCKET_PROTOCOLS, webSocketTransport } from './websocket.ts';

export type ExecContext = { readonly store: ApiStore; readonly podExec: PodExec | undefined; readonly log: Logger };

/** Answers a request to change protocols: `kubectl exec`. The sender is known to be allowed. */
export async function upgradeToExec(upgrade: Upgrade, context: ExecContext): Promise<void> {
  const { request, socket } = upgrade;
  try {
    const transport = transportOf(request);
    const process = await startProcess(request, context);
    // Whatever becomes of the request, nobody is left who would end the process otherwise.
    socket.once('close', () => process.kill());
    transport(upgrade, process);
  } catch (error) {
    refuseUpgrade(socket, asApiError(error, context.log));
  }
}

function transportOf(request: IncomingMessage): ExecTransport {
  const transport = webSocketTransport(request) ?? spdyTransport(request);
  if (transport !== undefined) return transport;
  throw badRequest(`exec needs a WebSocket with one of the protocols ${WEBSOCKET_PROTOCOLS.join(', ')}`);
}

async function startProcess(request: IncomingMessage, { store, podExec }: ExecContext): Promise<ExecProcess> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const info = parseRequestInfo(pathSteps(url.pathname));
  if (info?.resource !== 'pods' || info.subresource !== 'exec' || info.name === undefined || podExec === undefined) {
    throw noSuchResource();
  }
  const { namespace = '', name } = info;
  const pod = store.require(store.catalog.named('pods'), { namespace, name }).object;
  const process = await podExec(namespace, name, execOptionsOf(pod, url.searchParams));
  // A process that dies early must not take the server with it: the session tells the client.
  process.exited.catch(() => undefined);
  process.stdin?.on('error', () => undefined);
  return process;
}

/** An ordinary answer to a request that wanted another protocol. */
export function refuseUpgrade(socket: Duplex, error: ApiError): void {
  const body = JSON.stringify(error.toStatus());
  socket.on('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${error.code} ${error.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
