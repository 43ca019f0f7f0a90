import { closeSync, constants, openSync, write } from 'node:fs';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { ioctl } from '../../datapath/index.ts';

const { O_NOCTTY, O_NONBLOCK, O_RDWR } = constants;

/** asm-generic/ioctls.h. */
const TIOCSPTLCK = 0x4004_5431;
const TIOCGPTPEER = 0x5441;
const TIOCSWINSZ = 0x5414;

const EOT = 4;
/** How long a terminal that takes no more input is left alone. */
const RETRY_MS = 10;

/**
 * A pseudo-terminal. Three ioctls on what node itself opens: the npm packages for it compile C++ or fetch a binary when
 * they are installed, and neither script(1) nor socat's pty can be told of a new size. The slave is a descriptor and no
 * path, so that it is the terminal whatever file system the process sees.
 */
export class Pty {
  /** What the terminal shows. Ends when nobody has the slave open any more. */
  readonly output: Readable;
  /** What is typed. Its end is told as Ctrl-D. */
  readonly input: Writable;
  readonly #reader: ReadStream;
  readonly #master: number;
  #slave: number;

  /** `multiplexer`: `/dev/ptmx`, or that of another instance of devpts. Throws when it cannot be opened. */
  constructor(multiplexer = '/dev/ptmx') {
    const master = openSync(multiplexer, O_RDWR | O_NOCTTY | O_NONBLOCK);
    try {
      ioctl(master, TIOCSPTLCK, new Uint8Array(4));
      this.#slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    } catch (error) {
      closeSync(master);
      throw error;
    }
    this.#master = master;
    // It closes the descriptor when it is destroyed.
    const reader = new ReadStream(master);
    const output = new PassThrough();
    // EIO is how a master says that the last slave is closed: an end, and no failure.
    for (const event of ['error', 'close']) reader.once(event, () => output.end());
    this.#reader = reader;
    this.output = reader.pipe(output);
    this.input = new PtyInput(() => (reader.destroyed ? undefined : master));
  }

  /** For the stdio of the process that is to have the terminal. */
  get slave(): number {
    return this.#slave;
  }

  /** Once the process has it: the output ends only when no copy is left. */
  closeSlave(): void {
    if (this.#slave < 0) return;
    closeSync(this.#slave);
    this.#slave = -1;
  }

  resize(columns: number, rows: number): void {
    if (this.#reader.destroyed) return;
    // struct winsize: rows, columns, and two that nobody reads.
    const size = new Uint16Array([rows, columns, 0, 0]);
    ioctl(this.#master, TIOCSWINSZ, new Uint8Array(size.buffer));
  }

  /** Whoever has it as their terminal is told that it has hung up. */
  close(): void {
    this.closeSlave();
    this.#reader.destroy();
  }
}

/** Writes without waiting in the kernel: a terminal that is full would hold up everybody else of this process. */
class PtyInput extends Writable {
  readonly #master: () => number | undefined;

  constructor(master: () => number | undefined) {
    super({ decodeStrings: true });
    this.#master = master;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#type(chunk, done);
  }

  override _final(done: () => void): void {
    this.#type(Buffer.from([EOT]), done);
  }

  #type(chunk: Buffer, done: () => void): void {
    const master = this.#master();
    if (master === undefined) return done();
    write(master, chunk, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(() => this.#type(chunk, done), RETRY_MS);
      else if (error !== null || written === chunk.length) done();
      else this.#type(chunk.subarray(written), done);
    });
  }
}
