import type { Steps } from '../../base/index.ts';
import { type PolicyRow, type PolicyTableValue, ruleId } from '../../model/index.ts';
import { portPrefixes } from '../../net/index.ts';
import type { ProtocolSurface, Segment, Surface } from './flatten.ts';
import { DEFAULT_PRECEDENCE } from './precedence.ts';

/** Rows between two yields: less than a millisecond. */
const SLICE = 1_000;

/** "Nothing decides" spelled out, where a shorter row of the same group would otherwise speak. */
const NOTHING: PolicyTableValue = { verdict: 'deny', precedence: DEFAULT_PRECEDENCE, rule: ruleId(0) };

/**
 * The fewest rows we know that make a longest-prefix look-up give `surface`, where a look-up that finds none of them
 * gives `fallback` (the rows of group 0; absent = nothing). Yields often, as `flatten` does.
 */
export function* surfaceRows(surface: Surface, fallback?: Surface): Steps<PolicyRow[]> {
  const rows: PolicyRow[] = [];
  const based = surface.base !== fallback?.base;
  if (based) rows.push(rowOf(0, 0, 0, surface.base ?? NOTHING));
  const protocols = new Set([...surface.protocols.keys(), ...(fallback?.protocols.keys() ?? [])]);
  for (const protocol of protocols) {
    const wanted = protocolOf(surface, protocol);
    const given = based || fallback === undefined ? uniform(surface.base) : protocolOf(fallback, protocol);
    yield* protocolRows(protocol, wanted, given, rows);
  }
  return rows;
}

/** One shape for all: there may be a million of them. */
const rowOf = (protocol: number, port: number, portBits: number, value: PolicyTableValue): PolicyRow => ({
  protocol,
  port,
  portBits,
  verdict: value.verdict,
  precedence: value.precedence,
  rule: value.rule,
});

function* protocolRows(
  protocol: number,
  wanted: ProtocolSurface,
  given: ProtocolSurface,
  rows: PolicyRow[],
): Steps<void> {
  let under = given.segments;
  if (wanted.whole !== undefined && wanted.whole !== given.whole) {
    rows.push(rowOf(protocol, 0, 0, wanted.whole));
    under = [{ from: 0, value: wanted.whole }];
  }
  for (const { from, to, value } of differences(wanted.segments, under)) {
    for (const { port, bits } of portPrefixes({ from, to })) {
      rows.push(rowOf(protocol, port, bits, value ?? NOTHING));
      if (rows.length % SLICE === 0) yield;
    }
  }
}

/** The stretches where `wanted` has another value than `under`, each as long as `wanted` stays the same. */
function differences(
  wanted: readonly Segment[],
  under: readonly Segment[],
): { from: number; to: number; value: PolicyTableValue | undefined }[] {
  const found: { from: number; to: number; value: PolicyTableValue | undefined }[] = [];
  let i = 0;
  let j = 0;
  while (i < wanted.length && j < under.length) {
    const mine = wanted[i];
    const theirs = under[j];
    if (mine === undefined || theirs === undefined) break;
    const from = Math.max(mine.from, theirs.from);
    const myEnd = wanted[i + 1]?.from ?? 0x1_0000;
    const theirEnd = under[j + 1]?.from ?? 0x1_0000;
    const to = Math.min(myEnd, theirEnd) - 1;
    if (mine.value !== theirs.value) {
      const last = found.at(-1);
      if (last?.value === mine.value && last?.to === from - 1) last.to = to;
      else found.push({ from, to, value: mine.value });
    }
    if (myEnd - 1 === to) i += 1;
    if (theirEnd - 1 === to) j += 1;
  }
  return found;
}

const protocolOf = (surface: Surface, protocol: number): ProtocolSurface =>
  surface.protocols.get(protocol) ?? uniform(surface.base);

const uniform = (value: PolicyTableValue | undefined): ProtocolSurface => ({
  whole: value,
  segments: [{ from: 0, value }],
});
