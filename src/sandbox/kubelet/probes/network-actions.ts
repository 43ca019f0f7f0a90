import { type ClientRequest, request as httpRequest } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { isIPv4, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { connectInNetns } from '../../machine/index.ts';
import { failed, type HttpTarget, type ProbeResult, WENT_WELL } from './probe-actions.ts';

/** Where probes start, and where they go when they name no host. */
export type Place = { readonly netns: string; readonly ip: string };

const REDIRECTS = 10;

/** Whether a connection is accepted in time. */
export async function tcpProbe(place: Place, port: number, timeoutMs: number): Promise<ProbeResult> {
  const dial = `dial tcp ${place.ip}:${port}`;
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const socket = tryConnect(place, port);
  if (socket === undefined) return failed(`${dial}: no route to host`);
  socket.setTimeout(timeoutMs);
  socket.once('connect', () => resolve(WENT_WELL));
  socket.once('timeout', () => resolve(failed(`${dial}: i/o timeout`)));
  socket.once('error', (error) => resolve(failed(`${dial}: ${connectFault(error)}`)));
  socket.once('close', () => resolve(failed(`${dial}: connection closed`)));
  return promise.finally(() => socket.destroy());
}

/** Whether a GET answers with 200 to 399 in time; redirects within the host are followed. */
export async function httpProbe(place: Place, target: HttpTarget, timeoutMs: number): Promise<ProbeResult> {
  const deadline = Date.now() + timeoutMs;
  let { path } = target;
  for (let left = REDIRECTS; left > 0; left -= 1) {
    const url = `${target.isTls ? 'https' : 'http'}://${place.ip}:${target.port}${path}`;
    const answer = await get(place, { ...target, path }, Math.max(1, deadline - Date.now()));
    if (typeof answer === 'string') return failed(`Get "${url}": ${answer}`);
    const { status, location } = answer;
    if (status < 200 || status >= 400) return failed(`HTTP probe failed with statuscode: ${status}`);
    const next =
      location === undefined || status < 300 || !URL.canParse(location, url) ? undefined : new URL(location, url);
    // Where else it points is not this container's health.
    if (next === undefined || next.host !== new URL(url).host) return WENT_WELL;
    path = `${next.pathname}${next.search}`;
  }
  return failed(`Get "${path}": stopped after ${REDIRECTS} redirects`);
}

/** An answer, or why there is none. */
async function get(
  place: Place,
  { port, path, isTls, headers }: HttpTarget,
  timeoutMs: number,
): Promise<{ readonly status: number; readonly location: string | undefined } | string> {
  const { promise, resolve } = Promise.withResolvers<{ status: number; location: string | undefined } | string>();
  const socket = tryConnect(place, port);
  if (socket === undefined) return `dial tcp ${place.ip}:${port}: no route to host`;
  const late = setTimeout(() => resolve(LATE), timeoutMs);
  try {
    const fields: Record<string, string> = { 'User-Agent': 'kube-probe/1.32', Accept: '*/*', Connection: 'close' };
    for (const { name, value } of headers) fields[name] = value;
    const options = { host: place.ip, port, path, headers: fields };
    const asked: ClientRequest = isTls
      ? httpsRequest({ ...options, createConnection: () => connectTls({ socket, rejectUnauthorized: false }) })
      : httpRequest({ ...options, createConnection: () => socket });
    asked.once('response', (response) => {
      resolve({ status: response.statusCode ?? 0, location: response.headers.location });
      response.resume();
    });
    asked.once('error', (error) => resolve(requestFault(error, place.ip, port)));
    asked.end();
  } catch (error) {
    // A path or a header with characters that no request can hold.
    resolve((error as Error).message);
  }
  return promise.finally(() => {
    clearTimeout(late);
    socket.destroy();
  });
}

const LATE = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';

const HEALTH_CHECK = '/grpc.health.v1.Health/Check';
/** `HealthCheckResponse.ServingStatus`. */
const SERVING = 1;

/** Whether the gRPC health service says SERVING (grpc/health/v1). The two messages have one field each. */
export async function grpcProbe(place: Place, port: number, service: string, timeoutMs: number): Promise<ProbeResult> {
  const socket = tryConnect(place, port);
  const where = `${place.ip}:${port}`;
  const late = `timeout: failed to connect service "${where}" within ${timeoutMs / 1_000}s: context deadline exceeded`;
  if (socket === undefined) return failed(late);
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const timer = setTimeout(() => resolve(failed(late)), timeoutMs);
  const session = connectHttp2(`http://${where}`, { createConnection: () => socket });
  session.once('error', () => resolve(failed(late)));
  const call = session.request({
    ':method': 'POST',
    ':path': HEALTH_CHECK,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'kube-probe/1.32',
  });
  const chunks: Buffer[] = [];
  let status = '';
  const trailers = (fields: Record<string, unknown>): void => {
    const code = fields['grpc-status'];
    if (typeof code === 'string') status = code;
  };
  call.once('response', trailers);
  call.once('trailers', trailers);
  call.on('data', (chunk: Buffer) => chunks.push(chunk));
  call.once('error', () => resolve(failed(late)));
  call.once('close', () => {
    const state = Buffer.concat(chunks)[6];
    if (status !== '0') resolve(failed(`error: health rpc probe failed: rpc error: code = ${status}`));
    else if (state === SERVING) resolve(WENT_WELL);
    else resolve(failed(`service unhealthy (responded with "${state === 2 ? 'NOT_SERVING' : 'UNKNOWN'}")`));
  });
  call.end(grpcMessage(service));
  return promise.finally(() => {
    clearTimeout(timer);
    session.destroy();
  });
}

/** A length-prefixed `HealthCheckRequest`. */
function grpcMessage(service: string): Buffer {
  const name = Buffer.from(service).subarray(0, 127);
  const body = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  return Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]);
}

function tryConnect({ netns, ip }: Place, port: number): Socket | undefined {
  if (!isIPv4(ip)) return undefined;
  try {
    return connectInNetns(netns, ip, port);
  } catch {
    return undefined;
  }
}

function connectFault(error: NodeJS.ErrnoException): string {
  if (error.code === 'ECONNREFUSED') return 'connect: connection refused';
  if (error.code === 'EHOSTUNREACH') return 'connect: no route to host';
  if (error.code === 'ETIMEDOUT') return 'connect: connection timed out';
  return error.message;
}

function requestFault(error: NodeJS.ErrnoException, ip: string, port: number): string {
  if (error.syscall === 'connect') return `dial tcp ${ip}:${port}: ${connectFault(error)}`;
  if (error.code === 'ECONNRESET') return 'EOF';
  return error.message;
}
