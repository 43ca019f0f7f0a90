import { chmodSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type ErrorCode, errorMessage, isMembraneError, MembraneError } from '../../base/index.ts';
import { sandboxErrors } from '../errors.ts';
import { STATE_DIR } from '../machine/index.ts';
import type { Sandbox } from './sandbox.ts';

/** Where a running sandbox takes orders from other processes of root: JSON over a unix socket, one call a connection. */
export const CONTROL_SOCKET = join(STATE_DIR, 'control.sock');

/** What may be called; everything else of the object stays out of reach. */
const METHODS = [
  'apply',
  'get',
  'list',
  'patch',
  'patchStatus',
  'delete',
  'waitReady',
  'waitGone',
  'podCommand',
  'nodeCommand',
  'netnsOf',
  'checkNetwork',
  'requestAddress',
  'holdNetwork',
  'releaseNetwork',
  'killAgent',
  'startAgent',
  'agentPid',
  'joinNode',
  'removeNode',
  'stopApi',
  'startApi',
] as const satisfies readonly (keyof Sandbox)[];

export type ControlMethod = (typeof METHODS)[number];

type Answer =
  | { readonly ok: true; readonly value?: unknown }
  | { readonly ok: false; readonly code?: string; readonly message: string; readonly remedy?: string };

const MAX_BYTES = 32 << 20;

/** Serves a sandbox on its control socket until the server is closed. */
export async function serveControl(sandbox: Sandbox, path: string = CONTROL_SOCKET): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_BYTES) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('end', () => void answer(sandbox, text).then((reply) => socket.end(JSON.stringify(reply))));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, resolve);
  await promise;
  chmodSync(path, 0o600);
  return server;
}

async function answer(sandbox: Sandbox, text: string): Promise<Answer> {
  try {
    const { method, args } = JSON.parse(text) as { method: unknown; args: unknown[] };
    const known = METHODS.find((name) => name === method);
    if (known === undefined) return { ok: false, message: `no such method: ${String(method).slice(0, 40)}` };
    const call = sandbox[known] as (...values: unknown[]) => Promise<unknown>;
    return { ok: true, value: await call.apply(sandbox, args) };
  } catch (error) {
    if (!isMembraneError(error)) return { ok: false, message: errorMessage(error) };
    return { ok: false, code: error.code, message: error.message, remedy: error.remedy };
  }
}

/** Calls a method of the sandbox that another process runs. Throws what it threw; E_SANDBOX_NOT_RUNNING. */
export async function callControl<M extends ControlMethod>(
  method: M,
  args: Parameters<Sandbox[M]>,
  path: string = CONTROL_SOCKET,
): Promise<Awaited<ReturnType<Sandbox[M]>>> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ path, allowHalfOpen: true });
  let text = '';
  socket.once('connect', () => socket.end(JSON.stringify({ method, args })));
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.once('end', () => resolve(text));
  socket.once('error', (cause: NodeJS.ErrnoException) => {
    const code = cause.code === 'EACCES' ? 'E_SANDBOX_NOT_ROOT' : 'E_SANDBOX_NOT_RUNNING';
    reject(sandboxErrors.make(code, { detail: path, cause }));
  });
  const reply = JSON.parse(await promise) as Answer;
  if (reply.ok) return reply.value as Awaited<ReturnType<Sandbox[M]>>;
  if (reply.code === undefined) throw new Error(reply.message);
  throw new MembraneError(reply.code as ErrorCode, reply.message, reply.remedy ?? '');
}
