import { escapeText } from './escape.ts';
import { displayWidth, truncate } from './width.ts';

export type Column<T> = {
  readonly title: string;
  readonly value: (row: T) => string | number | undefined;
  readonly align?: 'left' | 'right';
  /** May be cut when the terminal is too narrow. */
  readonly shrink?: boolean;
};

const GAP = '  ';
const MIN_SHRUNK = 8;

/** Lines of a table. `width`: columns of the terminal; absent: as wide as it needs, nothing is cut. */
export function tableLines<T>(columns: readonly Column<T>[], rows: readonly T[], width?: number): string[] {
  const cells = rows.map((row) => columns.map((column) => cellText(column.value(row))));
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...cells.map((line) => displayWidth(line[i] ?? ''))),
  );
  if (width !== undefined) shrinkToFit(columns, widths, width);
  const header = columns.map((column) => column.title);
  return [header, ...cells].map((line) =>
    line
      .map((cell, i) => pad(truncate(cell, widths[i] ?? 0), widths[i] ?? 0, columns[i]?.align ?? 'left'))
      .join(GAP)
      .trimEnd(),
  );
}

function cellText(value: string | number | undefined): string {
  return value === undefined || value === '' ? '-' : escapeText(String(value));
}

/** Takes a column at a time from whichever shrinkable column is widest. */
function shrinkToFit(columns: readonly Column<never>[], widths: number[], width: number): void {
  let excess = widths.reduce((sum, w) => sum + w, 0) + GAP.length * (widths.length - 1) - width;
  while (excess > 0) {
    let widest = -1;
    for (const [i, column] of columns.entries()) {
      const least = Math.max(MIN_SHRUNK, column.title.length);
      if (column.shrink && (widths[i] ?? 0) > least && (widest === -1 || (widths[i] ?? 0) > (widths[widest] ?? 0)))
        widest = i;
    }
    if (widest === -1) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? text + space : space + text;
}
