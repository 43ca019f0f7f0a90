import { InvalidArgumentError } from 'commander';
import { nameParts, parseNamespacedName } from '../base/index.ts';

export type PodName = { readonly namespace: string; readonly pod: string };

/** `namespace/name` */
export function podName(text: string): PodName {
  const written = parseNamespacedName(text);
  const { namespace, name } = written === undefined ? { namespace: '', name: '' } : nameParts(written);
  if (namespace === '') throw new InvalidArgumentError('Write it as namespace/name.');
  return { namespace, pod: name };
}

export function wholeNumber(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`A number from ${min} to ${max} is expected.`);
    return value;
  };
}

/** For options that may be given several times. */
export function gather(value: string, before: string[] = []): string[] {
  return [...before, value];
}

export function gatherNumbers(min: number, max: number) {
  const parse = wholeNumber(min, max);
  return (value: string, before: number[] = []): number[] => [...before, parse(value)];
}

/** For options with a few possible values that may be given several times. */
export function gatherOneOf<T extends string>(values: readonly T[]) {
  return (value: string, before: T[] = []): T[] => {
    const known = values.find((one) => one === value.toLowerCase());
    if (known === undefined) throw new InvalidArgumentError(`One of ${values.join(', ')} is expected.`);
    return [...before, known];
  };
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** So long ago (`30s`, `5m`, `2h`, `1d`), or a time as RFC 3339 writes it; in ms since the epoch. */
export function moment(text: string): number {
  const ago = /^(\d{1,9})(s|m|h|d)$/.exec(text);
  if (ago !== null) return Date.now() - Number(ago[1]) * (UNITS_MS[ago[2] ?? ''] ?? 0);
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(time))
    throw new InvalidArgumentError('Write it as 30s, 5m, 2h or 1d ago, or as 2026-01-31T12:00:00Z.');
  return time;
}

export function portOrName(text: string): number | string {
  return /^[a-z0-9-]*[a-z][a-z0-9-]*$/i.test(text) ? text : wholeNumber(0, 65_535)(text);
}

const TRANSPORTS = ['TCP', 'UDP', 'SCTP', 'ICMP'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export function transport(text: string): Transport {
  const known = TRANSPORTS.find((name) => name === text.toUpperCase());
  if (known === undefined) throw new InvalidArgumentError(`One of ${TRANSPORTS.join(', ')} is expected.`);
  return known;
}
