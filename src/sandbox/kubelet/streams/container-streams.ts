import { PassThrough, Writable } from 'node:stream';
import { type ExecProcess, streamDrained } from '../../apiserver/index.ts';
import type { Container } from '../../client/index.ts';
import type { LogWriter, OutputName } from '../logs/log-writer.ts';
import { pipeEnds, type StreamEnds, terminalEnds } from './stream-ends.ts';

type Listener = { readonly [name in OutputName]: PassThrough };

/** What is kept for the one client that a container is made for, in bytes. */
const MOST_EARLY = 1 << 16;

/** The standard streams of one run of a container: all it says goes into its log and to whoever is attached. */
export class ContainerStreams {
  /** Resolves when nobody has a writing end any more. */
  readonly ended: Promise<void>;
  readonly #ends: StreamEnds;
  readonly #log: LogWriter;
  readonly #once: boolean;
  readonly #listeners = new Set<Listener>();
  /** What it said before its one client came; `undefined`: there is none to wait for, or he was there. */
  #early: { readonly name: OutputName; readonly chunk: Buffer }[] | undefined;
  #isOver = false;

  /** `isAwaited`: the first client wants what was said before it came. */
  constructor(container: Pick<Container, 'stdin' | 'stdinOnce' | 'tty'>, log: LogWriter, isAwaited: boolean) {
    this.#ends = container.tty ? terminalEnds(container) : pipeEnds(container);
    this.#log = log;
    this.#once = container.stdinOnce;
    if (isAwaited) this.#early = [];
    // A process may close its input whenever it likes.
    this.#ends.input?.on('error', () => undefined);
    this.ended = Promise.all(this.#ends.outputs.map(([name, output]) => this.#carry(name, output))).then(() =>
      this.#end(),
    );
  }

  /** Standard input, output and error, for the process. */
  get child(): readonly ('ignore' | number)[] {
    return this.#ends.child;
  }

  /** Once the process has them, or cannot be had. */
  closeChild(): void {
    this.#ends.closeChild();
  }

  /**
   * From now on; to the end of the run, which is a good one whatever the exit code: that is in the pod's status. Who comes first
   * to a container made for one client (`kubectl run`) gets what it has said before as well. `undefined`: nothing comes
   * any more.
   */
  attach(options: { readonly stdin: boolean }): ExecProcess | undefined {
    const early = this.#early ?? [];
    this.#early = undefined;
    if (this.#isOver && early.length === 0) return undefined;
    const listener: Listener = { stdout: new PassThrough(), stderr: new PassThrough() };
    for (const { name, chunk } of early) listener[name].write(chunk);
    if (this.#isOver) for (const output of Object.values(listener)) output.end();
    else this.#listeners.add(listener);
    const stdin = options.stdin ? this.#typing() : undefined;
    return {
      stdin,
      ...listener,
      exited: this.ended.then(() => 0),
      resize: (columns, rows) => this.#ends.resize?.(columns, rows),
      kill: () => {
        this.#listeners.delete(listener);
        for (const output of Object.values(listener)) output.destroy();
        if (stdin !== undefined) this.#leave();
      },
    };
  }

  /** The input as one client has it: its end is the container's only where there is to be one client. */
  #typing(): Writable {
    return new Writable({
      write: (chunk, _encoding, done) => {
        const { input } = this.#ends;
        if (input === undefined || input.writableEnded || input.destroyed) done();
        // What the container does not read any more is lost, as in a pipe.
        else input.write(chunk, () => done());
      },
      final: (done) => {
        this.#leave();
        done();
      },
    });
  }

  #leave(): void {
    if (this.#once) this.#ends.input?.end();
  }

  /** A client that does not keep up holds the container back, as a slow reader of a pipe does, for as long as it stays. */
  async #carry(name: OutputName, output: AsyncIterable<Buffer>): Promise<void> {
    try {
      for await (const chunk of output) {
        this.#log.write(name, chunk);
        this.#keepEarly(name, chunk);
        const full = [...this.#listeners].map((listener) => listener[name]).filter((to) => !to.write(chunk));
        await Promise.all(full.map((to) => streamDrained(to)));
      }
    } catch {
      // Whatever is wrong with an output, it is over.
    }
  }

  #keepEarly(name: OutputName, chunk: Buffer): void {
    const early = this.#early;
    if (early === undefined) return;
    early.push({ name, chunk });
    let bytes = early.reduce((sum, one) => sum + one.chunk.length, 0);
    while (bytes > MOST_EARLY) bytes -= early.shift()?.chunk.length ?? bytes;
  }

  #end(): void {
    this.#isOver = true;
    this.#log.end();
    this.#ends.input?.destroy();
    for (const listener of this.#listeners) for (const output of Object.values(listener)) output.end();
    this.#listeners.clear();
  }
}
