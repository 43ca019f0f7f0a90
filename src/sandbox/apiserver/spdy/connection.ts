import type { Duplex } from 'node:stream';
import { drained } from '../streams/transport.ts';
import { CONTROL, controlFrame, dataFrame, type Frame, FrameReader, resetFrame } from './frames.ts';
import { EmptyBlocks, HeaderBlocks } from './header-blocks.ts';
import { SpdyStream } from './stream.ts';

/** Open at once; a forwarded connection is two. */
const MAX_STREAMS = 4096;
const LINGER_MS = 3_000;

/** Of RST_STREAM. */
const REFUSED = 3;
const CANCEL = 5;

/** The server's side of SPDY/3.1 as the Kubernetes API uses it: streams that the client opens, no flow control, no push. */
export class SpdyConnection {
  readonly #transport: Duplex;
  readonly #frames = new FrameReader();
  readonly #headers = new HeaderBlocks();
  readonly #answers = new EmptyBlocks();
  readonly #streams = new Map<number, SpdyStream>();
  #closed = false;
  #drained: Promise<void> | undefined;
  onStream: (stream: SpdyStream) => void = () => undefined;

  /** What comes over `transport` is only frames: whatever agreed on the protocol is done. */
  constructor(transport: Duplex) {
    this.#transport = transport;
    transport.on('error', () => undefined);
  }

  /** Serves until either side ends the connection, with `head` before what is still to come. */
  async serve(head: Buffer): Promise<void> {
    try {
      await this.#take(head);
      for await (const chunk of this.#transport) if (!(await this.#take(chunk as Buffer))) break;
    } catch {
      // Whoever sends something else than SPDY is hung up on.
    } finally {
      this.#closed = true;
      this.#transport.destroy();
      this.#headers.close();
      for (const stream of this.#streams.values()) stream.destroy();
    }
  }

  /** All is said. The client hangs up once it has read it: if we did, it would drop what it has not handed on yet. */
  close(): void {
    setTimeout(() => this.#transport.destroy(), LINGER_MS).unref();
  }

  async #send(frame: Buffer): Promise<void> {
    if (this.#closed || this.#transport.write(frame)) return;
    // All streams wait for the same.
    this.#drained ??= drained(this.#transport).finally(() => {
      this.#drained = undefined;
    });
    await this.#drained;
  }

  /** False when the client says goodbye. */
  async #take(chunk: Buffer): Promise<boolean> {
    for (const frame of this.#frames.read(chunk)) {
      if (frame.kind === 'data') await this.#streams.get(frame.stream)?.receive(frame.body, frame.last);
      else if (frame.type === CONTROL.goAway) return false;
      else await this.#control(frame);
    }
    return true;
  }

  async #control({ type, body, last }: Extract<Frame, { kind: 'control' }>): Promise<void> {
    switch (type) {
      case CONTROL.ping:
        return this.#send(controlFrame(CONTROL.ping, body));
      case CONTROL.rstStream: {
        this.#streams.get(body.readUInt32BE(0))?.destroy();
        return;
      }
      case CONTROL.headers: {
        await this.#headers.read(body.subarray(4));
        return;
      }
      case CONTROL.synStream:
        return this.#open(body, last);
      default:
    }
  }

  async #open(body: Buffer, last: boolean): Promise<void> {
    const id = body.readUInt32BE(0) & 0x7fff_ffff;
    const headers = await this.#headers.read(body.subarray(10));
    if (this.#streams.has(id)) throw new RangeError('a SPDY stream is opened twice');
    if (this.#streams.size >= MAX_STREAMS) return this.#send(resetFrame(id, REFUSED));
    const stream = new SpdyStream({
      id,
      headers,
      send: (bytes, isEnd) => this.#send(dataFrame(id, bytes, isEnd)),
      reset: () => void this.#send(resetFrame(id, CANCEL)),
    });
    stream.on('error', () => undefined);
    stream.once('close', () => this.#streams.delete(id));
    this.#streams.set(id, stream);
    const number = Buffer.alloc(4);
    number.writeUInt32BE(id, 0);
    await this.#send(controlFrame(CONTROL.synReply, Buffer.concat([number, this.#answers.next()])));
    if (last) await stream.receive(Buffer.alloc(0), true);
    this.onStream(stream);
  }
}
