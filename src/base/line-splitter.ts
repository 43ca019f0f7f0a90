/** One line of a stream, or the notice that one was longer than allowed and was skipped. */
export type SplitLine =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'too-long'; readonly bytes: number };

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines. Holds at most `maxBytes` of an unfinished line; what is longer is skipped up to its
 * end, so that one huge object costs neither memory nor the stream. UTF-8 is decoded per whole line.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(options: { maxBytes: number }) {
    this.#maxBytes = options.maxBytes;
  }

  /** The lines that `chunk` completes. Empty lines vanish. */
  push(chunk: Buffer): SplitLine[] {
    const lines: SplitLine[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      this.#append(end === -1 ? chunk.subarray(start) : chunk.subarray(start, end));
      if (end === -1) return lines;
      this.#flush(lines);
      start = end + 1;
    }
  }

  /** The last line, when the stream ends without a newline. */
  end(): SplitLine[] {
    const lines: SplitLine[] = [];
    this.#flush(lines);
    return lines;
  }

  #append(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > this.#maxBytes) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }

  #flush(lines: SplitLine[]): void {
    if (this.#size > this.#maxBytes) lines.push({ kind: 'too-long', bytes: this.#size });
    else if (this.#size > 0) {
      const text = Buffer.concat(this.#parts).toString('utf8').trim();
      if (text !== '') lines.push({ kind: 'line', text });
    }
    this.#parts = [];
    this.#size = 0;
  }
}
