import type { Cell } from './cells.ts';
import { type Pair, passages } from './decide.ts';
import type { World } from './world.ts';

/** What another account lets pass between two that this one does not, and the other way round. */
export type Change = Pair & { readonly opens: readonly Cell[]; readonly closes: readonly Cell[] };

/** Pairs between which the accounts differ, for all packets. Yields once a pair. */
export function* changes(before: World, after: World, pairs: Iterable<Pair>): Generator<Change | undefined> {
  for (const pair of pairs) {
    const [had, has] = [before, after].map((world) => Array.from(passages(world, pair), ({ cell }) => cell));
    const opens = without(has ?? [], had ?? []);
    const closes = without(had ?? [], has ?? []);
    yield opens.length + closes.length === 0 ? undefined : { ...pair, opens, closes };
  }
}

/** The packets of the one list that are not in the other, in as few cells as there can be. */
export function without(cells: readonly Cell[], others: readonly Cell[]): Cell[] {
  const left: Cell[] = [];
  for (const cell of joined(cells)) {
    let { from } = cell;
    for (const other of joined(others)) {
      if (other.protocol !== cell.protocol || other.to < from || other.from > cell.to) continue;
      if (other.from > from) left.push({ ...cell, from, to: other.from - 1 });
      from = other.to + 1;
    }
    if (from <= cell.to) left.push({ ...cell, from });
  }
  return left;
}

/** Sorted, those that touch as one. */
function joined(cells: readonly Cell[]): Cell[] {
  const sorted = cells.toSorted((a, b) => a.protocol - b.protocol || a.from - b.from);
  const found: Cell[] = [];
  for (const cell of sorted) {
    const last = found.at(-1);
    if (last !== undefined && last.protocol === cell.protocol && last.to + 1 >= cell.from)
      found[found.length - 1] = { ...last, to: Math.max(last.to, cell.to) };
    else found.push(cell);
  }
  return found;
}
