import type { Steps } from '../../base/index.ts';
import type { PolicyTableValue } from '../../model/index.ts';
import type { PortRange } from '../../net/index.ts';

/** What one entry says about one peer once its ports are numbers. */
export type Claim = {
  readonly precedence: number;
  readonly tier: number;
  /** undefined = pass. Claims of one entry share one object: equality is identity. */
  readonly value: PolicyTableValue | undefined;
  /** undefined = every protocol and port. */
  readonly ports: readonly ProtocolPorts[] | undefined;
};

/** `range` counts in the 16 bits that the table calls port. */
export type ProtocolPorts = { readonly protocol: number; readonly range: PortRange };

/** From `from` up to the next segment's `from` one value holds; undefined = no claim decides. */
export type Segment = { readonly from: number; readonly value: PolicyTableValue | undefined };

/** The verdict as a function of protocol and port. */
export type Surface = {
  /** What holds for protocols that are not in `protocols`. */
  readonly base: PolicyTableValue | undefined;
  readonly protocols: ReadonlyMap<number, ProtocolSurface>;
};

export type ProtocolSurface = {
  /** What those claims say that cover all ports of the protocol. */
  readonly whole: PolicyTableValue | undefined;
  /** Ascending, the first at 0; neighbours differ. */
  readonly segments: readonly Segment[];
};

const PORTS = 0x1_0000;
/** Ranges looked at between two yields: less than a millisecond. */
const SLICE = 1_000;

/** Sorts claims for `flatten`: by precedence, and the broader first among equals so that it absorbs the narrower. */
export function byPrecedence(a: Claim, b: Claim): number {
  return b.precedence - a.precedence || breadth(b) - breadth(a) || (a.value?.rule ?? 0) - (b.value?.rule ?? 0);
}

function breadth({ ports }: Claim): number {
  if (ports === undefined) return 2;
  return ports.some(({ range }) => isWhole(range)) ? 1 : 0;
}

const isWhole = (range: PortRange): boolean => range.from === 0 && range.to === PORTS - 1;

/** `claims` sorted by `byPrecedence`. Yields often, for whoever has others to serve. */
export function* flatten(claims: readonly Claim[]): Steps<Surface> {
  const protocols = new Map<number, ProtocolSurface>();
  for (const claim of claims) {
    for (const { protocol } of claim.ports ?? []) {
      if (!protocols.has(protocol)) protocols.set(protocol, yield* flattenProtocol(claims, protocol));
    }
  }
  return { base: firstVerdict(claims.filter(({ ports }) => ports === undefined)), protocols };
}

function firstVerdict(claims: readonly Claim[]): PolicyTableValue | undefined {
  let passed = -1;
  for (const { tier, value } of claims) {
    if (tier === passed) continue;
    if (value !== undefined) return value;
    passed = tier;
  }
  return undefined;
}

type Cover = { readonly claim: Claim; readonly ranges: readonly PortRange[] };

const ALL: readonly PortRange[] = [{ from: 0, to: PORTS - 1 }];

function* flattenProtocol(claims: readonly Claim[], protocol: number): Steps<ProtocolSurface> {
  const covers: Cover[] = [];
  for (const claim of claims) {
    const ranges =
      claim.ports === undefined
        ? ALL
        : claim.ports.filter((ports) => ports.protocol === protocol).map(({ range }) => range);
    if (ranges.length > 0) covers.push({ claim, ranges });
    if (ranges.length >= SLICE) yield;
  }
  const whole = firstVerdict(covers.filter(({ ranges }) => ranges.some(isWhole)).map(({ claim }) => claim));
  return { whole, segments: yield* paint(covers) };
}

/** Paints the claims onto the line of ports, the winning one first; what is painted is never painted over. */
function* paint(covers: readonly Cover[]): Steps<Segment[]> {
  const edges = edgesOf(covers);
  const values = Array.from<PolicyTableValue | undefined>({ length: edges.length });

  let line = new BlankLine(edges.length);
  let tier: number | undefined;
  for (const { claim, ranges } of covers) {
    if (tier !== undefined && claim.tier !== tier) line = BlankLine.where(values);
    tier = claim.tier;
    for (const [index, { from, to }] of ranges.entries()) {
      line.fill(position(edges, from), position(edges, to + 1), values, claim.value);
      if (index % SLICE === SLICE - 1) yield;
    }
  }

  const segments: Segment[] = [];
  for (const [index, value] of values.entries()) {
    if (index === 0 || segments.at(-1)?.value !== value) segments.push({ from: edges[index] ?? 0, value });
  }
  return segments;
}

/** Where a range begins or the port after a range; ascending, the first is 0. */
function edgesOf(covers: readonly Cover[]): Uint32Array {
  const count = covers.reduce((sum, { ranges }) => sum + ranges.length, 0);
  const edges = new Uint32Array(1 + 2 * count);
  let at = 1;
  for (const { ranges } of covers) {
    for (const { from, to } of ranges) {
      edges[at++] = from;
      edges[at++] = to + 1;
    }
  }
  edges.sort();
  return edges.filter((edge, index) => edge < PORTS && (index === 0 || edge !== edges[index - 1]));
}

/** Index of the edge, which is there; the length for the end of the line. */
function position(edges: Uint32Array, edge: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] ?? PORTS) < edge) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Cells of which each is filled once; skips filled ones in (nearly) constant time. */
class BlankLine {
  readonly #next: Uint32Array;

  constructor(length: number) {
    this.#next = Uint32Array.from({ length: length + 1 }, (_, index) => index);
  }

  /** Blank where there is no value yet: what the tiers before decided stays. */
  static where(values: readonly unknown[]): BlankLine {
    const line = new BlankLine(values.length);
    for (const [index, value] of values.entries()) if (value !== undefined) line.#next[index] = index + 1;
    return line;
  }

  /** Gives every blank cell of the stretch the value. */
  fill<T>(from: number, end: number, cells: T[], value: T): void {
    for (let cell = this.#find(from); cell < end; cell = this.#find(cell)) {
      this.#next[cell] = cell + 1;
      cells[cell] = value;
    }
  }

  #find(start: number): number {
    let root = start;
    while ((this.#next[root] ?? root) !== root) root = this.#next[root] ?? root;
    for (let cell = start; cell !== root; ) {
      const after = this.#next[cell] ?? root;
      this.#next[cell] = root;
      cell = after;
    }
    return root;
  }
}
