import type { ChildProcess } from 'node:child_process';

export type TalkerKind = 'tcp' | 'udp' | 'udp6' | 'udp-connected';

/** See programs/talker.ts. */
export class Talker {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #wake: () => void = () => undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    let rest = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      this.#lines.push(...lines);
      this.#wake();
    });
  }

  /** What it says next; `silence` when that takes too long. */
  async next(timeoutMs = 30_000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      const left = deadline - Date.now();
      if (left <= 0) return 'silence';
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, left);
      await promise;
      clearTimeout(timer);
    }
  }

  /** Sends a line and waits for what comes of it. */
  async ask(timeoutMs?: number): Promise<string> {
    this.#child.stdin?.write('hello\n');
    return await this.next(timeoutMs);
  }

  end(): void {
    this.#child.stdin?.end();
  }
}

/** The pod that an answer came from. */
export function nameIn(answer: string): string {
  return /^answer (\S+) /.exec(answer)?.[1] ?? answer;
}
