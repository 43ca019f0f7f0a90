import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { openPipe, Pty } from '../../machine/index.ts';
import type { OutputName } from '../logs/log-writer.ts';

/** Both sides of a process's standard streams. */
export type StreamEnds = {
  /** Standard input, output and error, for the process. */
  readonly child: readonly ('ignore' | number)[];
  /** Once the process has its side: an output ends only when no copy is left. */
  closeChild(): void;
  readonly input?: Writable;
  /** With a terminal all that is said is on the standard output. */
  readonly outputs: readonly (readonly [OutputName, Readable])[];
  resize?(columns: number, rows: number): void;
};

/** Pipes, and real ones: what node makes for a child is a socket, which cannot be opened as /dev/stdout. */
export function pipeEnds(options: { readonly stdin: boolean }): StreamEnds {
  const stdin = options.stdin ? openPipe() : undefined;
  const [stdout, stderr] = [openPipe(), openPipe()];
  const said = (fd: number): Readable => new Socket({ fd, readable: true, writable: false });
  return {
    child: [stdin?.reader ?? 'ignore', stdout.writer, stderr.writer],
    closeChild: () => {
      for (const fd of [stdin?.reader, stdout.writer, stderr.writer]) if (fd !== undefined) closeSync(fd);
    },
    ...(stdin && { input: new Socket({ fd: stdin.writer, readable: false, writable: true }) }),
    outputs: [
      ['stdout', said(stdout.reader)],
      ['stderr', said(stderr.reader)],
    ],
  };
}

export function terminalEnds(options: { readonly stdin: boolean }): StreamEnds {
  const pty = new Pty();
  return {
    child: [pty.slave, pty.slave, pty.slave],
    closeChild: () => pty.closeSlave(),
    ...(options.stdin && { input: pty.input }),
    outputs: [['stdout', pty.output]],
    resize: (columns, rows) => pty.resize(columns, rows),
  };
}
