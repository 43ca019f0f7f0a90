import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import {
  type Clock,
  errorMessage,
  type Lifecycle,
  type Logger,
  type Service,
  SilentConnections,
} from '../../base/index.ts';
import type { Histogram } from '../../base/metrics.ts';
import {
  type Attachment,
  answerVersion,
  attachmentKey,
  CNI_TAKEN,
  type CniAnswer,
  type CniFrame,
  CniFrameReader,
  type CniRequest,
  cniErrorNumber,
  encodeAnswer,
  errorAnswer,
  LATEST_CNI_VERSION,
  parseCniRequest,
} from '../../endpoint/index.ts';
import type { DeferredDeletes } from './deferred-deletes.ts';
import type { KeyedQueue } from './keyed-queue.ts';

const MAX_SILENT = 256;
const COMMANDS = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const satisfies readonly CniRequest['command'][];
const IDLE_MS = 10_000;
/** As many as a kernel lets wait (net.core.somaxconn). */
const BACKLOG = 4_096;
/** How often the folder of a plugin that could not reach an agent is looked at while one is here. */
const DEFERRED_MS = 10_000;

export type CniHandler = (request: CniRequest) => Promise<CniAnswer>;

export type CniServerOptions = {
  readonly path: string;
  readonly handle: CniHandler;
  /** By attachment; whoever else changes attachments takes turns with the plugin here. */
  readonly queue: KeyedQueue;
  readonly deferred: DeferredDeletes;
  /** Of each request, in seconds. */
  readonly times: Pick<Histogram<'command' | 'result'>, 'observe'>;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Serves the CNI plugin on a unix socket that only root can open. Requests of one attachment run one after the other; what
 * was to be deleted while there was no agent goes before them. An ADD that nobody waits for any more is undone: its
 * runtime has given the container up.
 */
export class CniServer implements Service {
  readonly #o: CniServerOptions;
  readonly #path: string;
  readonly #log: Logger;
  readonly #queue: KeyedQueue;
  readonly #sockets = new Set<Socket>();
  readonly #silent = new SilentConnections(MAX_SILENT);
  readonly #server: Server;

  constructor(options: CniServerOptions) {
    this.#o = options;
    this.#path = options.path;
    this.#log = options.log;
    this.#queue = options.queue;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    await this.#deleteDeferred();
    lifecycle.spawn('deferred CNI requests', async (signal) => {
      while (!signal.aborted) {
        await this.#o.clock.sleep(DEFERRED_MS, signal).catch(() => undefined);
        await this.#deleteDeferred();
      }
    });
    rmSync(this.#path, { force: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    const mask = process.umask(0o177);
    this.#server.listen({ path: this.#path, backlog: BACKLOG }, resolve);
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
    this.#silent.add(socket);
    const reader = new CniFrameReader();
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', (error) => this.#log.debug({ error: errorMessage(error) }, 'CNI client went away'));
    const onData = (chunk: Buffer): void => {
      try {
        const frame = reader.push(chunk);
        if (frame === undefined) return;
        this.#silent.spoke(socket);
        socket.off('data', onData);
        socket.setTimeout(0);
        socket.write(CNI_TAKEN);
        void this.#answer(frame, socket);
      } catch (error) {
        socket.off('data', onData);
        socket.write(CNI_TAKEN);
        socket.end(encodeAnswer(errorAnswer(LATEST_CNI_VERSION, error)));
      }
    };
    socket.on('data', onData);
  }

  async #answer(frame: CniFrame, socket: Socket): Promise<void> {
    const startedAt = performance.now();
    const command = frame.env.get('CNI_COMMAND')?.slice(0, 16);
    try {
      const request = parseCniRequest(frame);
      await this.#queue.run(queueKey(request), async () => {
        if ('attachment' in request) await this.#deleteDeferred(request.attachment);
        const answer = await this.#o.handle(request);
        this.#took(request.command, answer.exitCode === 0, startedAt);
        this.#log.debug(
          { command, ms: performance.now() - startedAt, exitCode: answer.exitCode },
          'CNI request served',
        );
        if (await delivered(socket, answer)) return;
        if (request.command === 'ADD' && answer.exitCode === 0) await this.#undo(request);
      });
    } catch (error) {
      this.#took(command, false, startedAt);
      const container = frame.env.get('CNI_CONTAINERID')?.slice(0, 64);
      this.#log.warn(
        { command, container, code: cniErrorNumber(error), error: errorMessage(error) },
        'CNI request failed',
      );
      socket.setTimeout(IDLE_MS);
      socket.end(encodeAnswer(errorAnswer(answerVersion(frame), error)));
    }
  }

  /** What is no command is nobody's name for a series. */
  #took(command: string | undefined, isDone: boolean, startedAt: number): void {
    const known = COMMANDS.find((one) => one === command) ?? 'other';
    const seconds = (performance.now() - startedAt) / 1_000;
    this.#o.times.observe({ command: known, result: isDone ? 'done' : 'failed' }, seconds);
  }

  async #undo({ attachment, config }: Extract<CniRequest, { command: 'ADD' }>): Promise<void> {
    this.#log.warn({ container: attachment.containerId }, 'nobody waits for this ADD any more, it is undone');
    await this.#o.handle({ command: 'DEL', attachment, config });
  }

  /** What a plugin could not hand over: of one attachment, within its turn, or of all. */
  async #deleteDeferred(attachment?: Attachment): Promise<void> {
    const { deferred, handle } = this.#o;
    for (const { file, request } of deferred.list(attachment)) {
      const carryOut = async (): Promise<void> => {
        // An ADD that had its turn before has carried it out: what is there now is that ADD's.
        if (!deferred.has(file)) return;
        await handle(request);
        deferred.done(file);
        this.#log.info({ container: request.attachment.containerId }, 'deleted what the runtime gave up meanwhile');
      };
      try {
        if (attachment !== undefined) await carryOut();
        else await this.#queue.run(queueKey(request), carryOut);
      } catch (error) {
        this.#log.error({ file, error: errorMessage(error) }, 'a deferred DEL failed, it is tried again');
      }
    }
  }
}

/** False when the client went away before it had all of it. */
async function delivered(socket: Socket, answer: CniAnswer): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  if (socket.destroyed) return false;
  // A client that takes its answer and never closes does not keep the connection.
  socket.setTimeout(IDLE_MS);
  socket.once('close', () => resolve(false));
  // With an error instead of nothing when it could not be written.
  socket.end(encodeAnswer(answer), (error?: Error | null) => resolve(!error));
  return await promise;
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
