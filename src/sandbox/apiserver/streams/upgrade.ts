import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../../base/index.ts';
import { asApiError } from '../http/refusal.ts';
import { parseRequestInfo, pathSteps } from '../http/request-info.ts';
import { containerOf } from '../http/subresources.ts';
import { stringAt } from '../json.ts';
import { spdyTransport } from '../legacy/index.ts';
import type { KubeObject } from '../object.ts';
import { type ApiError, badRequest, noSuchResource } from '../status.ts';
import type { ApiStore } from '../store/api-store.ts';
import type { AttachOptions, PodStreams } from './pod-streams.ts';
import { portForwarding } from './port-forward.ts';
import type { ExecProcess } from './process.ts';
import type { ExecTransport, Upgrade } from './transport.ts';
import { WEBSOCKET_PROTOCOLS, webSocketTransport } from './websocket.ts';

export type StreamContext = {
  readonly store: ApiStore;
  readonly streams: PodStreams | undefined;
  readonly log: Logger;
};

/** What a request to change protocols is about. */
type Target = { readonly pod: KubeObject; readonly subresource: string; readonly query: URLSearchParams };

/** Answers a request to change protocols: `kubectl exec`, `attach`, `port-forward`. The sender is known to be allowed. */
export async function answerUpgrade(upgrade: Upgrade, context: StreamContext): Promise<void> {
  const { request, socket } = upgrade;
  try {
    const { streams } = context;
    const target = targetOf(request, context.store);
    if (streams === undefined) throw noSuchResource();
    if (target.subresource === 'portforward') {
      const forward = portForwarding(request);
      const { namespace = '', name } = target.pod.metadata;
      forward(upgrade, await streams.dialer(namespace, name));
    } else {
      const transport = transportOf(request);
      const process = await startProcess(target, streams);
      // Whatever becomes of the request, nobody is left who would end the process otherwise.
      socket.once('close', () => process.kill());
      transport(upgrade, process);
    }
  } catch (error) {
    refuseUpgrade(socket, asApiError(error, context.log));
  }
}

function targetOf(request: IncomingMessage, store: ApiStore): Target {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const info = parseRequestInfo(pathSteps(url.pathname));
  const { resource, subresource, name, namespace = '' } = info ?? {};
  const isStream = subresource === 'exec' || subresource === 'attach' || subresource === 'portforward';
  if (resource !== 'pods' || !isStream || name === undefined) throw noSuchResource();
  const pod = store.require(store.catalog.named('pods'), { namespace, name }).object;
  return { pod, subresource, query: url.searchParams };
}

function transportOf(request: IncomingMessage): ExecTransport {
  const transport = webSocketTransport(request) ?? spdyTransport(request);
  if (transport !== undefined) return transport;
  throw badRequest(`exec needs a WebSocket with one of the protocols ${WEBSOCKET_PROTOCOLS.join(', ')}`);
}

async function startProcess({ pod, subresource, query }: Target, streams: PodStreams): Promise<ExecProcess> {
  const { namespace = '', name } = pod.metadata;
  const flag = (key: string): boolean => query.get(key) === 'true' || query.get(key) === '1';
  const container = containerOf(pod, query.get('container') ?? '');
  const options: AttachOptions = { container, stdin: flag('stdin'), tty: flag('tty') };
  const command = query.getAll('command');
  if (subresource === 'exec' && command.length === 0) {
    throw badRequest('you must specify at least one command for the container');
  }
  if ((stringAt(pod, 'spec', 'nodeName') ?? '') === '') throw badRequest(`pod ${name} does not have a host assigned`);
  const process =
    subresource === 'exec'
      ? await streams.exec(namespace, name, { ...options, command })
      : await streams.attach(namespace, name, options);
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
