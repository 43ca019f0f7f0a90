import type { Pair } from '../world.ts';
import type { Box, Layout } from './layout.ts';

/** A line of the map: all between two of its boxes. */
export type Line = {
  readonly from: string;
  readonly to: string;
  readonly a: Box;
  readonly b: Box;
  forwarded: number;
  dropped: number;
};

/** More is a ball of wool: then lines are between namespaces, but for what is looked at. */
const MOST_LINES = 700;

type Anchor = { readonly key: string; readonly box: Box; readonly group: { readonly key: string; readonly box: Box } };

/** Where a place is drawn: itself, or the island that is folded over it; and the namespace around it. */
export function anchorsOf({ islands }: Layout): Map<string, Anchor> {
  const anchors = new Map<string, Anchor>();
  for (const island of islands) {
    const whole = { key: island.key, box: island.box };
    if (island.isFolded) {
      for (const { places } of island.namespaces)
        for (const { key } of places) anchors.set(key, { ...whole, group: whole });
      continue;
    }
    for (const { name, box, chips } of island.boxes) {
      const group = { key: `${island.key} ${name}`, box };
      for (const chip of chips) anchors.set(chip.key, { key: chip.key, box: chip.box, group });
    }
  }
  return anchors;
}

/** `focus`: of this place every line is its own. */
export function linesOf(
  pairs: readonly Pair[],
  anchors: ReadonlyMap<string, Anchor>,
  focus: string | undefined,
): Line[] {
  const fine = merged(pairs, anchors, () => true);
  if (fine.length <= MOST_LINES) return fine;
  return merged(pairs, anchors, ({ from, to }) => from.key === focus || to.key === focus);
}

function merged(pairs: readonly Pair[], anchors: ReadonlyMap<string, Anchor>, isFine: (pair: Pair) => boolean): Line[] {
  const lines = new Map<string, Line>();
  for (const pair of pairs) {
    const from = anchors.get(pair.from.key);
    const to = anchors.get(pair.to.key);
    if (from === undefined || to === undefined) continue;
    const fine = isFine(pair);
    const a = fine ? from : from.group;
    const b = fine ? to : to.group;
    // What happens under a folded island, or within one namespace, is nobody's line.
    if (a.key === b.key) continue;
    const key = `${a.key}\n${b.key}`;
    const known = lines.get(key);
    if (known === undefined) {
      lines.set(key, { from: a.key, to: b.key, a: a.box, b: b.box, forwarded: pair.forwarded, dropped: pair.dropped });
    } else {
      known.forwarded += pair.forwarded;
      known.dropped += pair.dropped;
    }
  }
  return [...lines.values()];
}
