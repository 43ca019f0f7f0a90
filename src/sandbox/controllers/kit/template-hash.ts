import type { Json } from '../../apiserver/index.ts';

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Ten letters at most that stand for a value, whatever the order of its members; `salt` tells apart what collides. */
export function shortHash(value: Json | undefined, salt = 0): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${canonical(value)}${salt === 0 ? '' : salt}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return Array.from(String(hash), (digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join('');
}

function canonical(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join()}}`;
}
