/** What a row promises: its value, or its ratio to the baseline, at most or at least this. */
export type Target = { readonly of: 'value' | 'ratio'; readonly bound: 'at most' | 'at least'; readonly limit: number };

/** One line of the report. `value`, `min` and `max` are of `n` measurements in `unit`. */
export type Row = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly n: number;
  readonly min: number;
  readonly max: number;
  readonly target?: Target;
  readonly baseline?: string;
  readonly baselineValue?: number;
  /** Ours over the baseline, of paired runs. */
  readonly ratio?: number;
  readonly note?: string;
};

/** As written by `--json`. */
export type JsonRow = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target: string | null;
  readonly met: boolean | null;
  readonly baseline: string | null;
  readonly baselineValue: number | null;
  readonly ratio: number | null;
  readonly n: number;
  readonly min: number;
  readonly max: number;
};

export type Report = (row: Row) => void;

/** Rows that are measured together. */
export type Family = {
  /** What `--only` may say for all of its rows, where they do not begin alike. */
  readonly name?: string;
  /** Names of its rows, or what they begin with. */
  readonly rows: readonly string[];
  /** `wanted`: whether somebody asked for a row; what it costs can be saved otherwise. */
  readonly run: (report: Report, wanted: (row: string) => boolean) => Promise<void>;
};

/** Null: the row has no target. */
export function met(row: Row): boolean | null {
  if (row.target === undefined) return null;
  const { of, bound, limit } = row.target;
  const measured = of === 'value' ? row.value : row.ratio;
  if (measured === undefined) return false;
  return bound === 'at most' ? measured <= limit : measured >= limit;
}

export function targetText({ target, unit }: Row): string | null {
  if (target === undefined) return null;
  const sign = target.bound === 'at most' ? '<=' : '>=';
  return target.of === 'ratio' ? `ratio ${sign} ${target.limit}` : `${sign} ${target.limit} ${unit}`;
}

export function toJson(row: Row): JsonRow {
  const { name, value, unit, n, min, max } = row;
  return {
    name,
    value,
    unit,
    target: targetText(row),
    met: met(row),
    baseline: row.baseline ?? null,
    baselineValue: row.baselineValue ?? null,
    ratio: row.ratio ?? null,
    n,
    min,
    max,
  };
}

const number = (value: number): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2 });

const COLUMNS = [34, 16, 34, 8, 24, 4, 5] as const;

function line(cells: readonly string[], spread: string): string {
  return `${cells.map((cell, index) => cell.padEnd(COLUMNS[index] ?? 0)).join(' ')} ${spread}`.trimEnd();
}

export const HEADING: string = line(['row', 'ours', 'baseline', 'ratio', 'target', 'met', 'n'], 'spread');

export function format(row: Row): string {
  const verdict = met(row);
  const baseline = row.baseline === undefined ? '' : `${number(row.baselineValue ?? 0)} ${row.baseline}`;
  const text = line(
    [
      row.name,
      `${number(row.value)} ${row.unit}`,
      baseline,
      row.ratio === undefined ? '' : row.ratio.toFixed(3),
      targetText(row) ?? '',
      verdict === null ? '' : verdict ? 'yes' : 'NO',
      String(row.n),
    ],
    `${number(row.min)} - ${number(row.max)}`,
  );
  return row.note === undefined ? text : `${text}\n${' '.repeat(COLUMNS[0])} ${row.note}`;
}
