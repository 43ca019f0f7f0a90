import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { z } from 'zod';
import { LineSplitter, type MembraneError } from '../../base/index.ts';
import { inNetnsArgv, REPOSITORY } from '../../sandbox/index.ts';
import { attackErrors } from '../errors.ts';
import { patience } from './patience.ts';

/** See frame/frame.h. */
export const FRAME_TOOL = join(REPOSITORY, 'build/membrane-frame');

export type FrameVerb = 'send' | 'count' | 'serve' | 'connect' | 'answer' | 'ask' | 'exchange';

/** Where and as whom a tool runs: a command line that the tool's own is put behind. */
export type Seat = {
  /** For messages. */
  readonly name: string;
  readonly prefix: readonly string[];
  /** Replaces the environment; default: inherited. */
  readonly env?: Readonly<Record<string, string>>;
};

/** As root, inside a network namespace and nothing else. */
function netnsSeat(netns: string): Seat {
  return { name: netns, prefix: inNetnsArgv(netns, []) };
}

type Waiter<T> = PromiseWithResolvers<T>;

/** EXIT_TIME of frame/frame.h. */
const EXIT_TIME = 3;
/** However busy it is, a tool reads its orders many times a second. */
const SILENCE_MS = 30_000;

/**
 * One running `membrane-frame`. It ends when told, when its time is over, or with this process,
 * whichever is first. Rejections are MembraneError E_ATTACK_TOOL; what a tool tells whose time was over before it was told
 * to end is not the whole truth, and such a rejection.
 */
export class FrameProcess<T> {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #schema: z.ZodType<T>;
  readonly #splitter = new LineSplitter({ maxBytes: 1 << 20 });
  readonly #waiting: Waiter<T>[] = [];
  readonly #what: string;
  #last: T | undefined;
  #ended = false;
  #overdue = false;
  #stderr = '';
  /** The last report. */
  readonly finished: Promise<T>;

  /** `where`: the path of a network namespace, or more than that. */
  constructor(where: string | Seat, verb: FrameVerb, args: readonly string[], schema: z.ZodType<T>) {
    const seat = typeof where === 'string' ? netnsSeat(where) : where;
    this.#what = `${verb} in ${seat.name}`;
    this.#schema = schema;
    const [file = '', ...rest] = [...seat.prefix, FRAME_TOOL, verb, ...args];
    this.#child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'pipe'], ...(seat.env && { env: seat.env }) });
    const finished = Promise.withResolvers<T>();
    this.finished = finished.promise;
    // Whoever only wants reports has no use for it.
    this.finished.catch(() => undefined);
    this.#child.stdin.on('error', () => undefined);
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-1_000);
    });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    const onEnd = (code: number | null): void => {
      this.#ended = true;
      this.#overdue = code === EXIT_TIME;
      for (const waiter of this.#waiting.splice(0)) this.#settle(waiter);
      this.#settle(finished);
    };
    this.#child.once('error', (error) => {
      this.#stderr = error.message;
      onEnd(null);
    });
    this.#child.once('close', onEnd);
  }

  /** The next line that the tool prints by itself: `count` and `serve` say so when they are ready. */
  next(): Promise<T> {
    const waiter = Promise.withResolvers<T>();
    if (this.#ended) this.#settle(waiter);
    else this.#waiting.push(waiter);
    return waiter.promise;
  }

  /** How it stands now; the last report when it has ended. */
  async report(): Promise<T> {
    const line = this.next();
    if (!this.#ended) this.#child.stdin.write('\n');
    return await this.#promptly(line);
  }

  /** Ends it. Idempotent. */
  async stop(): Promise<T> {
    this.#child.stdin.end();
    return await this.#promptly(this.finished);
  }

  /** For clean-up, where nothing can be said any more. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.finished.catch(() => undefined);
  }

  /** Rejects when the tool says nothing although it is alive. */
  async #promptly(answer: Promise<T>): Promise<T> {
    const silent = Promise.withResolvers<T>();
    const ms = patience(SILENCE_MS);
    const timer = setTimeout(() => silent.reject(this.#error(`said nothing for ${ms} ms`)), ms);
    try {
      return await Promise.race([answer, silent.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #read(chunk: Buffer): void {
    for (const line of this.#splitter.push(chunk)) {
      if (line.kind !== 'line') continue;
      this.#last = this.#schema.parse(JSON.parse(line.text));
      this.#waiting.shift()?.resolve(this.#last);
    }
  }

  #settle(waiter: Waiter<T>): void {
    if (this.#overdue) waiter.reject(this.#error('its time was over before it was told to end'));
    else if (this.#last !== undefined) waiter.resolve(this.#last);
    else waiter.reject(this.#error(this.#stderr.trim()));
  }

  #error(detail: string): MembraneError {
    return attackErrors.make('E_ATTACK_TOOL', { detail: `${this.#what}: ${detail}` });
  }
}
