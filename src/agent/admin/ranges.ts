const MOST_NODES = 3;

/** What is wrong with the ranges of nodes: the first of them. */
export function rangeTexts(found: ReadonlyMap<string, readonly string[]>): string[] {
  const all = Array.from(found, ([node, texts]) => `Node ${node}: ${texts.join(', ')}`);
  const more = all.length - MOST_NODES;
  return more > 0 ? [...all.slice(0, MOST_NODES), `and ${more} more nodes`] : all;
}
