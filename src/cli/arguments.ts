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
