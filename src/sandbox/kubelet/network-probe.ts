import { request } from 'node:http';
import { isIPv4, type Socket } from 'node:net';
import { connectInNetns } from '../machine/index.ts';

/** Whether a connection is accepted in time. */
export function tcpProbe(netns: string, ip: string, port: number, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = tryConnect(netns, ip, port);
  if (socket === undefined) return Promise.resolve(false);
  socket.setTimeout(timeoutMs);
  socket.once('connect', () => resolve(true));
  for (const event of ['error', 'timeout', 'close'] as const) socket.once(event, () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** Whether a GET answers with 200 to 399 in time. */
export function httpProbe(netns: string, ip: string, port: number, path: string, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = tryConnect(netns, ip, port);
  if (socket === undefined) return Promise.resolve(false);
  try {
    const get = request({ host: ip, port, path, timeout: timeoutMs, createConnection: () => socket });
    get.once('response', (response) => {
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400);
      response.resume();
    });
    for (const event of ['error', 'timeout', 'close'] as const) get.once(event, () => resolve(false));
    get.end();
  } catch {
    // A path with characters that no request line can hold.
    resolve(false);
  }
  return promise.finally(() => socket.destroy());
}

function tryConnect(netns: string, ip: string, port: number): Socket | undefined {
  if (!isIPv4(ip)) return undefined;
  try {
    return connectInNetns(netns, ip, port);
  } catch {
    return undefined;
  }
}
