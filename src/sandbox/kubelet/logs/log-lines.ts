const NEWLINE = 0x0a;
const SPACE = 0x20;

export type LogSelection = {
  /** ms since the epoch; what is older is left out. */
  readonly since: number | undefined;
  readonly timestamps: boolean;
};

/** Makes of a log's file what somebody wants to read of it. */
export class LogLines {
  readonly #selection: LogSelection;
  #rest: Buffer = Buffer.alloc(0);
  /** The last line was a part: what follows belongs to it. */
  #isOpen = false;

  constructor(selection: LogSelection) {
    this.#selection = selection;
  }

  read(chunk: Buffer): Buffer {
    let rest = Buffer.concat([this.#rest, chunk]);
    const out: Buffer[] = [];
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      this.#line(rest.subarray(0, end), out);
      rest = rest.subarray(end + 1);
    }
    this.#rest = Buffer.from(rest);
    return Buffer.concat(out);
  }

  #line(line: Buffer, out: Buffer[]): void {
    const { since, timestamps } = this.#selection;
    const afterTime = line.indexOf(SPACE);
    const afterOutput = line.indexOf(SPACE, afterTime + 1);
    // The rest of a line that was cut when its file was emptied.
    if (afterTime < 0 || afterOutput < 0) return;
    const time = line.toString('latin1', 0, afterTime);
    if (since !== undefined && !(Date.parse(time) >= since)) return;
    if (timestamps && !this.#isOpen) out.push(Buffer.from(`${time} `));
    const isPart = line[afterOutput + 1] === 0x50;
    out.push(line.subarray(afterOutput + 3));
    if (!isPart) out.push(Buffer.from('\n'));
    this.#isOpen = isPart;
  }
}
