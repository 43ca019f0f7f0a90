import { endpointErrors } from './errors.ts';

/**
 * What membrane-cni sends: `MBRCNI/1 <envBytes> <stdinBytes>\n`, then `KEY=VALUE\0` for every variable, then its standard
 * input. The answer is `+` once that is complete, `<exit code>\n<standard output>` and the end of the stream.
 */
export const CNI_LIMITS = { headerBytes: 64, envBytes: 64 * 1024, stdinBytes: 1024 * 1024 } as const;

export type CniFrame = { readonly env: ReadonlyMap<string, string>; readonly stdin: string };

const HEADER = /^MBRCNI\/1 (0|[1-9]\d{0,8}) (0|[1-9]\d{0,8})$/;

function bad(detail: string): Error {
  return endpointErrors.make('E_CNI_FRAME', { detail });
}

/** Collects the bytes of one request; nothing is trusted and nothing grows beyond `CNI_LIMITS`. */
export class CniFrameReader {
  #chunks: Buffer[] = [];
  #length = 0;
  #sizes: { readonly header: number; readonly env: number; readonly stdin: number } | undefined;

  /** The request once it is complete, undefined until then; E_CNI_FRAME when it can never be one. */
  push(chunk: Buffer): CniFrame | undefined {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    this.#sizes ??= this.#readHeader();
    if (this.#sizes === undefined) return undefined;
    const { header, env, stdin } = this.#sizes;
    const expected = header + env + stdin;
    if (this.#length < expected) return undefined;
    if (this.#length > expected) throw bad(`${this.#length - expected} bytes after the end`);
    const bytes = Buffer.concat(this.#chunks);
    return {
      env: parseEnv(bytes.subarray(header, header + env)),
      stdin: bytes.subarray(header + env).toString('utf8'),
    };
  }

  #readHeader(): { header: number; env: number; stdin: number } | undefined {
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [bytes];
    const end = bytes.subarray(0, CNI_LIMITS.headerBytes).indexOf(0x0a);
    if (end < 0) {
      if (bytes.length >= CNI_LIMITS.headerBytes) throw bad('no header line');
      return undefined;
    }
    const match = HEADER.exec(bytes.subarray(0, end).toString('latin1'));
    if (match === null) throw bad(`header ${JSON.stringify(bytes.subarray(0, end).toString('latin1'))}`);
    const [env, stdin] = [Number(match[1]), Number(match[2])];
    if (env > CNI_LIMITS.envBytes) throw bad(`${env} bytes of environment, at most ${CNI_LIMITS.envBytes}`);
    if (stdin > CNI_LIMITS.stdinBytes) throw bad(`${stdin} bytes of configuration, at most ${CNI_LIMITS.stdinBytes}`);
    return { header: end + 1, env, stdin };
  }
}

function parseEnv(bytes: Buffer): Map<string, string> {
  const env = new Map<string, string>();
  if (bytes.length === 0) return env;
  if (bytes[bytes.length - 1] !== 0) throw bad('the environment does not end with NUL');
  for (const entry of bytes.subarray(0, -1).toString('utf8').split('\0')) {
    const at = entry.indexOf('=');
    if (at <= 0) throw bad('a variable without a name or a value');
    env.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return env;
}

/** Said at once: how long a request takes is one thing, whether somebody is there another. */
export const CNI_TAKEN = '+';

export function encodeAnswer(answer: { exitCode: number; stdout: string }): Buffer {
  return Buffer.from(`${answer.exitCode}\n${answer.stdout}`);
}
