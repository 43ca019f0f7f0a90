import { BEYOND, type MapIsland, type MapNamespace, type MapPlace } from './islands.ts';

export type Box = { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
export type Chip = MapPlace & { readonly box: Box; readonly isDot: boolean };
export type NamespaceBox = { readonly name: string; readonly box: Box; readonly chips: readonly Chip[] };
export type IslandBox = MapIsland & {
  readonly box: Box;
  readonly isFolded: boolean;
  readonly boxes: readonly NamespaceBox[];
  readonly size: number;
};
export type Layout = { readonly width: number; readonly height: number; readonly islands: readonly IslandBox[] };

const CHIP = { w: 138, h: 28, gap: 10 };
const DOT = { w: 18, h: 18, gap: 6 };
/** Of more, names would be too small to read. */
const MOST_CHIPS = 24;
const MOST_CHIPS_IN_ALL = 160;
const PAD = 12;
const TITLE = 24;
const ISLAND_TITLE = 34;
const ISLAND_GAP = 56;
const FOLDED = { w: 180, h: 64 };
const LEAST_W = 120;

/** Where everything is: the same islands are always at the same places, however much they talk. */
export function layOut(islands: readonly MapIsland[], folded: ReadonlySet<string>, aspect: number): Layout {
  const total = islands.reduce((sum, { namespaces }) => sum + sizeOf(namespaces), 0);
  const sized = islands.map((island) => {
    const size = sizeOf(island.namespaces);
    const isFolded = island.key === BEYOND || folded.has(island.key);
    if (isFolded) return { ...island, size, isFolded, boxes: [], box: { x: 0, y: 0, ...FOLDED } };
    // One namespace that is called as its island says it once.
    const isPlain = island.namespaces.length === 1 && ['', island.title].includes(island.namespaces[0]?.name ?? '');
    const spaces = island.namespaces.map((namespace) => spaceOf(namespace, total, isPlain));
    const packed = shelves(spaces, { aspect: 1.4, gap: PAD });
    const boxes = spaces.map((space, i) => {
      const { x = 0, y = 0 } = packed.at[i] ?? {};
      return moved(space, x + PAD, y + (isPlain ? ISLAND_TITLE - PAD : ISLAND_TITLE));
    });
    const w = Math.max(LEAST_W, packed.width + 2 * PAD);
    const h = packed.height + (isPlain ? ISLAND_TITLE - PAD : ISLAND_TITLE) + PAD;
    return { ...island, size, isFolded, boxes, box: { x: 0, y: 0, w, h } };
  });
  const packed = shelves(
    sized.map(({ box }) => ({ box })),
    { aspect, gap: ISLAND_GAP },
  );
  const placed = sized.map((island, i): IslandBox => {
    const { x = 0, y = 0 } = packed.at[i] ?? {};
    return {
      ...island,
      box: { ...island.box, x, y },
      boxes: island.boxes.map((space) => moved(space, x, y)),
    };
  });
  return { width: packed.width, height: packed.height, islands: placed };
}

const sizeOf = (namespaces: readonly MapNamespace[]): number =>
  namespaces.reduce((sum, { places }) => sum + places.length, 0);

function spaceOf({ name, places }: MapNamespace, total: number, isPlain: boolean): NamespaceBox {
  const isDot = places.length > MOST_CHIPS || total > MOST_CHIPS_IN_ALL;
  const { w, h, gap } = isDot ? DOT : CHIP;
  const columns = Math.max(
    1,
    isDot ? Math.ceil(Math.sqrt(places.length * 1.3)) : Math.round(Math.sqrt(places.length / 2.2)),
  );
  const rows = Math.ceil(places.length / columns);
  const top = isPlain ? PAD : TITLE + 6;
  const chips = places.map((place, i) => ({
    ...place,
    isDot,
    box: { x: PAD + (i % columns) * (w + gap), y: top + Math.floor(i / columns) * (h + gap), w, h },
  }));
  const width = 2 * PAD + Math.min(columns, Math.max(1, places.length)) * (w + gap) - gap;
  const height = top + Math.max(0, rows * (h + gap) - gap) + PAD;
  return { name, chips, box: { x: 0, y: 0, w: Math.max(LEAST_W, width), h: height } };
}

function moved(space: NamespaceBox, x: number, y: number): NamespaceBox {
  const by = (box: Box): Box => ({ ...box, x: box.x + x, y: box.y + y });
  return { ...space, box: by(space.box), chips: space.chips.map((chip) => ({ ...chip, box: by(chip.box) })) };
}

type Shelves = {
  readonly at: readonly { readonly x: number; readonly y: number }[];
  readonly width: number;
  readonly height: number;
};

/** In rows, in their order: of several widths the one by which most fits into a view `aspect` times as wide as high. */
function shelves(items: readonly { readonly box: Box }[], { aspect, gap }: { aspect: number; gap: number }): Shelves {
  const widest = Math.max(0, ...items.map(({ box }) => box.w));
  const all = items.reduce((sum, { box }) => sum + box.w + gap, 0);
  let best: { shelves: Shelves; size: number } | undefined;
  for (let target = widest; ; target *= 1.15) {
    const tried = shelvesWithin(items, target, gap);
    const size = Math.max(tried.width / aspect, tried.height);
    if (best === undefined || size < best.size) best = { shelves: tried, size };
    if (target >= all || items.length < 2) return best.shelves;
  }
}

function shelvesWithin(items: readonly { readonly box: Box }[], target: number, gap: number): Shelves {
  const at: { x: number; y: number }[] = [];
  let x = 0;
  let y = 0;
  let rowHeight = 0;
  let width = 0;
  for (const { box } of items) {
    if (x > 0 && x + box.w > target) {
      x = 0;
      y += rowHeight + gap;
      rowHeight = 0;
    }
    at.push({ x, y });
    x += box.w + gap;
    rowHeight = Math.max(rowHeight, box.h);
    width = Math.max(width, x - gap);
  }
  return { at, width, height: y + rowHeight };
}
