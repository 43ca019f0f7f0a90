import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { errorMessage, type Lifecycle, type Logger, type Service } from '../base/index.ts';
import {
  answerVersion,
  attachmentKey,
  type CniAnswer,
  type CniFrame,
  CniFrameReader,
  type CniRequest,
  cniErrorNumber,
  encodeAnswer,
  errorAnswer,
  LATEST_CNI_VERSION,
  parseCniRequest,
} from '../endpoint/index.ts';
import { KeyedQueue } from './keyed-queue.ts';

const MAX_CONNECTIONS = 512;
const IDLE_MS = 10_000;

export type CniHandler = (request: CniRequest) => Promise<CniAnswer>;

/** Serves the CNI plugin on a unix socket that only root can open. Requests of one attachment run one after the other. */
export class CniServer implements Service {
  readonly #path: string;
  readonly #handle: CniHandler;
  readonly #log: Logger;
  readonly #queue = new KeyedQueue();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(options: { path: string; handle: CniHandler; log: Logger }) {
    this.#path = options.path;
    this.#handle = options.handle;
    this.#log = options.log;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    rmSync(this.#path, { force: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    const mask = process.umask(0o177);
    this.#server.listen(this.#path, resolve);
    process.umask(mask);
    await promise;
    this.#server.off('error', reject);
    this.#server.on('error', (error) => this.#log.error({ error: errorMessage(error) }, 'CNI socket failed'));
    chmodSync(this.#path, 0o600);
    lifecycle.signal.addEventListener('abort', () => this.#server.close(), { once: true });
  }

  /** What was begun is finished: half an attachment helps nobody. */
  async stop(): Promise<void> {
    this.#server.close();
    await this.#queue.idle();
    for (const socket of this.#sockets) socket.destroySoon();
    rmSync(this.#path, { force: true });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const reader = new CniFrameReader();
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', (error) => this.#log.debug({ error: errorMessage(error) }, 'CNI client went away'));
    const onData = (chunk: Buffer): void => {
      try {
        const frame = reader.push(chunk);
        if (frame === undefined) return;
        socket.off('data', onData);
        socket.setTimeout(0);
        void this.#answer(frame).then((answer) => socket.end(encodeAnswer(answer)));
      } catch (error) {
        socket.off('data', onData);
        socket.end(encodeAnswer(errorAnswer(LATEST_CNI_VERSION, error)));
      }
    };
    socket.on('data', onData);
  }

  async #answer(frame: CniFrame): Promise<CniAnswer> {
    const startedAt = performance.now();
    const command = frame.env.get('CNI_COMMAND')?.slice(0, 16);
    try {
      const request = parseCniRequest(frame);
      const answer = await this.#queue.run(queueKey(request), () => this.#handle(request));
      this.#log.debug({ command, ms: performance.now() - startedAt, exitCode: answer.exitCode }, 'CNI request served');
      return answer;
    } catch (error) {
      const container = frame.env.get('CNI_CONTAINERID')?.slice(0, 64);
      this.#log.warn(
        { command, container, code: cniErrorNumber(error), error: errorMessage(error) },
        'CNI request failed',
      );
      return errorAnswer(answerVersion(frame), error);
    }
  }
}

function queueKey(request: CniRequest): string {
  switch (request.command) {
    case 'ADD':
    case 'DEL':
    case 'CHECK':
      return attachmentKey(request.attachment);
    case 'GC':
    case 'STATUS':
    case 'VERSION':
      return request.command;
  }
}
