import type { MatrixCell, MatrixView } from './messages.ts';

/** What one node has proved, of whom it was asked. */
export type ToldProof = {
  readonly node: string;
  /** Why nothing is proved there; undefined: it is. */
  readonly silent?: string | undefined;
  readonly at?: string | undefined;
  readonly tookMs?: number | undefined;
  readonly good: boolean;
  readonly tenants: readonly string[];
  /** Those that are not listed are isolated. */
  readonly cells: readonly MatrixCell[];
  readonly alarms: readonly Omit<MatrixView['alarms'][number], 'node'>[];
};

/** From the best that can be said of two tenants to the worst. */
const STANDINGS: readonly MatrixCell['standing'][] = ['untold', 'empty', 'isolated', 'shared', 'together', 'broken'];

/** Of two tenants the worst that any node says. There may be many thousand: who is apart, as nearly all are, is not listed. */
export function matrixOf(told: readonly ToldProof[]): MatrixView {
  const proved = told.filter(({ silent }) => silent === undefined);
  const tenants = [...new Set(proved.flatMap((proof) => proof.tenants))].toSorted();
  const listed = new Map<string, { cell: MatrixCell; times: number }>();
  for (const cell of proved.flatMap(({ cells }) => cells)) {
    const key = keyOf(cell.from, cell.to);
    const known = listed.get(key);
    const isWorse = known === undefined || rank(cell) > rank(known.cell);
    listed.set(key, { cell: isWorse ? cell : known.cell, times: (known?.times ?? 0) + 1 });
  }
  const known = new Set(tenants);
  const cells = [...listed.values()].flatMap(({ cell, times }) => {
    const { from, to, standing } = cell;
    if (from === to || !known.has(from) || !known.has(to) || standing === 'isolated') return [];
    // Where one node knows of no pods and another of pods that are apart, they are apart.
    return standing !== 'empty' || times === proved.length ? [cell] : [];
  });
  return {
    nodes: told.map(({ node, silent, at, tookMs, good }) => ({
      node,
      ...(silent === undefined ? { good } : { silent }),
      ...(at === undefined ? {} : { at }),
      ...(tookMs === undefined ? {} : { tookMs }),
    })),
    tenants,
    cells: cells.toSorted((a, b) => (keyOf(a.from, a.to) < keyOf(b.from, b.to) ? -1 : 1)),
    alarms: proved.flatMap(({ node, alarms }) => alarms.map((alarm) => ({ node, ...alarm }))),
  };
}

const keyOf = (from: string, to: string): string => JSON.stringify([from, to]);
const rank = ({ standing }: MatrixCell): number => STANDINGS.indexOf(standing);
