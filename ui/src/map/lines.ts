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
  return (
    merged(pairs, anchors, { isFine: () => true, most: MOST_LINES }) ??
    merged(pairs, anchors, { isFine: ({ from, to }) => from.key === focus || to.key === focus }) ??
    []
  );
}

type Merging = { readonly isFine: (pair: Pair) => boolean; readonly most?: number };

/** Undefined: there are more than `most`. */
function merged(
  pairs: readonly Pair[],
  anchors: ReadonlyMap<string, Anchor>,
  { isFine, most = Number.POSITIVE_INFINITY }: Merging,
): Line[] | undefined {
  const lines: Line[] = [];
  const byEnds = new Map<string, Map<string, Line>>();
  for (const pair of pairs) {
    const from = anchors.get(pair.from.key);
    const to = anchors.get(pair.to.key);
    if (from === undefined || to === undefined) continue;
    const fine = isFine(pair);
    const a = fine ? from : from.group;
    const b = fine ? to : to.group;
    // What happens under a folded island, or within one namespace, is nobody's line.
    if (a.key === b.key) continue;
    let ofA = byEnds.get(a.key);
    if (ofA === undefined) byEnds.set(a.key, (ofA = new Map()));
    const known = ofA.get(b.key);
    if (known === undefined) {
      if (lines.length >= most) return undefined;
      const { forwarded, dropped } = pair;
      const line = { from: a.key, to: b.key, a: a.box, b: b.box, forwarded, dropped };
      lines.push(line);
      ofA.set(b.key, line);
    } else {
      known.forwarded += pair.forwarded;
      known.dropped += pair.dropped;
    }
  }
  return lines;
}
