import { once } from 'node:events';
import type { WriteStream } from 'node:tty';
import { escapeText, safeJson } from './escape.ts';
import { type Column, pad, tableLines } from './table.ts';

export type Tone = 'good' | 'bad' | 'warn' | 'dim' | 'bold';
const SGR: Readonly<Record<Tone, string>> = { good: '32', bad: '31', warn: '33', dim: '2', bold: '1' };

type Stream = Pick<WriteStream, 'write' | 'once' | 'off' | 'on'> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

/** What of the options of every command says how to write. */
export type OutputOptions = {
  readonly output?: 'table' | 'json';
  /** false: --no-color. */
  readonly color?: 'always' | 'never' | 'auto' | false;
};

/** Standard output as commands see it: tables for people, JSON for programs, colour only where it is wanted. */
export class Output {
  readonly #stream: Stream;
  readonly #env: NodeJS.ProcessEnv;
  readonly #options: () => OutputOptions;

  constructor(settings: { stream: Stream; env: NodeJS.ProcessEnv; options: () => OutputOptions }) {
    this.#stream = settings.stream;
    this.#env = settings.env;
    this.#options = settings.options;
  }

  get json(): boolean {
    return this.#options().output === 'json';
  }

  /** As asked for, else on a terminal that has colours. NO_COLOR (no-color.org): present and not empty. */
  get color(): boolean {
    const { color = 'auto' } = this.#options();
    if (color !== 'auto') return color === 'always';
    return !this.#env.NO_COLOR && this.#env.TERM !== 'dumb' && this.#stream.isTTY === true;
  }

  /** Columns of the terminal; undefined in a pipe or file. */
  get width(): number | undefined {
    return this.#stream.isTTY ? this.#stream.columns : undefined;
  }

  tone(tone: Tone, text: string): string {
    return this.color ? `\u001b[${SGR[tone]}m${text}\u001b[0m` : text;
  }

  /** One line as it is: the caller has escaped what is not its own. Resolves when the reader keeps up. */
  async line(text: string): Promise<void> {
    if (!this.#stream.write(`${text}\n`)) await once(this.#stream as WriteStream, 'drain');
  }

  async value(value: unknown): Promise<void> {
    await this.line(safeJson(value, 2));
  }

  /** One JSON value a line. */
  async jsonLine(value: unknown): Promise<void> {
    await this.line(safeJson(value));
  }

  /** A list: JSON array, or a table; `none` is what a person reads when it is empty. */
  async list<T>(rows: readonly T[], columns: readonly Column<T>[], none: string): Promise<void> {
    if (this.json) return await this.value(rows);
    if (rows.length === 0) return await this.line(none);
    const [header = '', ...lines] = tableLines(columns, rows, this.width);
    await this.line([this.tone('bold', header), ...lines].join('\n'));
  }

  /** One thing, field by field. A list of values takes a line each; undefined fields are left out. */
  async fields(fields: readonly (readonly [string, string | number | readonly string[] | undefined])[]): Promise<void> {
    const shown = fields.filter(([, value]) => value !== undefined);
    const width = Math.max(...shown.map(([name]) => name.length)) + 2;
    for (const [name, value] of shown) {
      const values = typeof value === 'object' ? value : [String(value)];
      const [first = '-', ...rest] = values.length === 0 ? ['-'] : values.map(escapeText);
      await this.line(`${this.tone('bold', pad(`${name}:`, width))}${first}`);
      for (const more of rest) await this.line(' '.repeat(width) + more);
    }
  }
}
