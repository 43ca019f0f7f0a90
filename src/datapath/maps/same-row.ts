type Plain = string | number | bigint | boolean | null;
type Field = Plain | readonly Plain[];

/**
 * Whether what stands in a map says what is wanted, in every field of that, whichever there are: a field that is not compared is
 * written once and never again.
 */
export function sameRow<R extends Readonly<Record<string, Field>>>(wanted: R, found: R): boolean {
  for (const field in wanted) if (!isSame(wanted[field], found[field])) return false;
  return true;
}

function isSame(a: Field | undefined, b: Field | undefined): boolean {
  return a === b || (Array.isArray(a) && Array.isArray(b) && a.every((one, index) => one === b[index]));
}
