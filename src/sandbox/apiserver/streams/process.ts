import type { Readable, Writable } from 'node:stream';
import type { JsonObject } from '../json.ts';

/** A process in a pod. Streams that were not asked for may be absent; with a terminal all output comes on stdout. */
export type ExecProcess = {
  readonly stdin?: Writable | undefined;
  readonly stdout?: Readable | undefined;
  readonly stderr?: Readable | undefined;
  /** Resolves with the exit code once the process is gone. */
  readonly exited: Promise<number>;
  resize?(columns: number, rows: number): void;
  /** The client left. */
  kill(): void;
};

/** What the client is told at the end, on the error channel. */
export function exitStatus(code: number): JsonObject {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

export function failureStatus(error: unknown): JsonObject {
  const message = error instanceof Error ? error.message : String(error);
  return { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 };
}

/** The two ends of a session: what a transport must do for the process. */
export type Terminal = {
  stdout(chunk: Buffer): boolean;
  stderr(chunk: Buffer): boolean;
  /** Resolves when more may be written. */
  drained(): Promise<void>;
  /** The last word; the transport closes after it. */
  end(status: JsonObject): void;
};

/** Carries a process's output to the client until it has exited and everything is sent. */
export async function carryOutput(process: ExecProcess, terminal: Terminal): Promise<void> {
  const carry = async (from: Readable | undefined, write: (chunk: Buffer) => boolean): Promise<void> => {
    for await (const chunk of from ?? []) if (!write(Buffer.from(chunk as Uint8Array))) await terminal.drained();
  };
  try {
    const output = Promise.all([
      carry(process.stdout, (chunk) => terminal.stdout(chunk)),
      carry(process.stderr, (chunk) => terminal.stderr(chunk)),
    ]);
    const [code] = await Promise.all([process.exited, output]);
    terminal.end(exitStatus(code));
  } catch (error) {
    terminal.end(failureStatus(error));
  }
}

/** Input that came for a process which closed its side is lost, as in a pipe. */
export function feed(process: ExecProcess, chunk: Buffer): void {
  const { stdin } = process;
  if (stdin !== undefined && !stdin.writableEnded && !stdin.destroyed) stdin.write(chunk);
}

export function resizeFrom(process: ExecProcess, message: Buffer): void {
  try {
    const { Width, Height } = JSON.parse(message.toString()) as { Width?: unknown; Height?: unknown };
    if (typeof Width === 'number' && typeof Height === 'number') process.resize?.(Width, Height);
  } catch {
    // A size that cannot be read changes nothing.
  }
}
