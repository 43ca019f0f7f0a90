import { RE2JS } from 're2js';
import { invalid } from './invalid.ts';

/** Each may be gone through for each character of a text. */
const MOST_INSTRUCTIONS = 1_024;

/** By the rules of RE2, whose time grows with the text and with the pattern, and not beyond. */
export function regex(pattern: string): (text: string) => boolean {
  const instructions = patternSize(pattern);
  if (instructions > MOST_INSTRUCTIONS)
    throw invalid(`the pattern ${JSON.stringify(pattern.slice(0, 80))} is too large: shorter, or fewer repetitions`);
  try {
    const compiled = RE2JS.compile(pattern);
    return (text) => compiled.matcher(text).find();
  } catch (error) {
    throw invalid(`${JSON.stringify(pattern)} is no regular expression of RE2: ${(error as Error).message}`);
  }
}

/** Instructions that a pattern becomes, at most: what is repeated stands there as often, and what stands in groups within groups. */
export function patternSize(pattern: string): number {
  let [atoms, groups] = [pattern.length, 1];
  for (const [, group, least, , most] of pattern.matchAll(/(\)?)[*+?]*\{(\d+)(,(\d*))?\}/g)) {
    const times = Math.max(Number(least), Number(most ?? 0)) + 1;
    if (group === '') atoms += times;
    else groups *= times;
  }
  return atoms * groups;
}
