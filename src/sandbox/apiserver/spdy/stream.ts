import { Duplex } from 'node:stream';

/** What a stream that is not read may hold before the whole connection waits for it: SPDY of Kubernetes has no windows. */
const READ_AHEAD = 1024 * 1024;

export type SpdyStreamOptions = {
  readonly id: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** Resolves when more may be written; never rejects. */
  readonly send: (body: Buffer, last: boolean) => Promise<void>;
  /** The stream was given up before both of its ends. */
  readonly reset: () => void;
};

/** A stream that the client opened. Each direction ends for itself. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #options: SpdyStreamOptions;
  #wanted: (() => void) | undefined;

  constructor(options: SpdyStreamOptions) {
    super({ readableHighWaterMark: READ_AHEAD, decodeStrings: true });
    this.id = options.id;
    this.headers = options.headers;
    this.#options = options;
  }

  /** From the client. Resolves when the stream takes more. */
  async receive(body: Buffer, last: boolean): Promise<void> {
    if (this.destroyed || this.readableEnded) return;
    const isFull = body.length > 0 && !this.push(body);
    if (last) this.push(null);
    else if (isFull) await new Promise<void>((resolve) => (this.#wanted = resolve));
  }

  override _read(): void {
    this.#readOn();
  }

  override _write(chunk: Buffer, _encoding: string, proceed: (error?: Error | null) => void): void {
    void this.#options.send(chunk, false).then(() => proceed());
  }

  override _final(proceed: (error?: Error | null) => void): void {
    void this.#options.send(Buffer.alloc(0), true).then(() => proceed());
  }

  override _destroy(error: Error | null, proceed: (error?: Error | null) => void): void {
    this.#readOn();
    if (!this.readableEnded || !this.writableFinished) this.#options.reset();
    proceed(error);
  }

  #readOn(): void {
    this.#wanted?.();
    this.#wanted = undefined;
  }
}
