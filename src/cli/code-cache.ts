import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

/** A script, by a checksum of its source, and what V8 made of it. */
export type CompiledScript = { readonly name: string; readonly source: number; readonly code: Buffer };

/** As the file's head says it, with a checksum of the code; the code of each follows, in this order. */
type Entry = { readonly name: string; readonly source: number; readonly code: number; readonly length: number };
type Head = { readonly runtime: string; readonly entries: readonly Entry[] };
type Part = { readonly entry: Entry; readonly code: Buffer };

const RUNTIME = `${process.version} ${process.arch}`;
/** What the head takes: its length, in decimal digits. */
const LENGTH_DIGITS = 8;

/**
 * Code of several scripts in one file. V8 refuses what another version or other flags made of a source of another length; that
 * it is this very source, and this very code, is looked at here.
 */
export class CodeCache {
  readonly #path: string;
  readonly #kept = new Map<string, Entry & { readonly at: number }>();
  #file: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Nothing is in it where there is no file, or none that this runtime wrote. Until `close`. */
  open(): void {
    try {
      this.#file = openSync(this.#path, 'r');
      const length = Number(this.#read(0, LENGTH_DIGITS).toString('latin1'));
      if (length > fstatSync(this.#file).size) return;
      const { runtime, entries } = JSON.parse(this.#read(LENGTH_DIGITS, length).toString('latin1')) as Head;
      if (runtime !== RUNTIME) return;
      let at = LENGTH_DIGITS + length;
      for (const entry of entries) {
        this.#kept.set(entry.name, { ...entry, at });
        at += entry.length;
      }
    } catch {
      this.#kept.clear();
    }
  }

  /** The code of a script whose source has this checksum. */
  codeOf(name: string, source: number): Buffer | undefined {
    const entry = this.#kept.get(name);
    if (entry?.source !== source) return undefined;
    const code = this.#read(entry.at, entry.length);
    return code.length === entry.length && crc32(code) === entry.code ? code : undefined;
  }

  /**
   * What it has of other scripts stays when it is `wanted`. Who opens it meanwhile finds the old or the new one; where nothing
   * can be written, the next start compiles again.
   */
  write(scripts: readonly CompiledScript[], wanted: (name: string) => boolean): void {
    const parts = scripts.map(({ name, source, code }): Part => {
      return { entry: { name, source, code: crc32(code), length: code.length }, code };
    });
    const names = new Set(scripts.map(({ name }) => name));
    for (const { at, ...entry } of this.#kept.values()) {
      if (!names.has(entry.name) && wanted(entry.name)) parts.push({ entry, code: this.#read(at, entry.length) });
    }
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      // Others have this number in namespaces of their own.
      const fresh = `${this.#path}.${process.pid}.${process.hrtime.bigint()}`;
      writeFileSync(fresh, fileOf(parts));
      renameSync(fresh, this.#path);
    } catch {
      return;
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#kept.clear();
  }

  #read(at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    return bytes.subarray(0, this.#file === undefined ? 0 : readSync(this.#file, bytes, 0, length, at));
  }
}

function fileOf(parts: readonly Part[]): Buffer {
  const head = JSON.stringify({ runtime: RUNTIME, entries: parts.map(({ entry }) => entry) } satisfies Head);
  const length = String(Buffer.byteLength(head, 'latin1')).padStart(LENGTH_DIGITS, '0');
  return Buffer.concat([Buffer.from(length + head, 'latin1'), ...parts.map(({ code }) => code)]);
}
