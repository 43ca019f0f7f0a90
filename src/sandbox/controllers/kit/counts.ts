import type { Json } from '../../apiserver/index.ts';

/** A number, or a percentage of `total` rounded up or down; nothing said is none. */
export function scaledCount(value: Json | undefined, total: number, round: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return 0;
  const part = (Number.parseInt(value, 10) * total) / 100;
  return round === 'up' ? Math.ceil(part) : Math.floor(part);
}

/** How far a rolling update may go over and under the wanted number; it may go one under where it could do neither. */
export function fenceposts(
  { maxSurge, maxUnavailable }: { readonly maxSurge?: Json | undefined; readonly maxUnavailable?: Json | undefined },
  wanted: number,
): { readonly surge: number; readonly unavailable: number } {
  const surge = scaledCount(maxSurge, wanted, 'up');
  const unavailable = scaledCount(maxUnavailable, wanted, 'down');
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}
