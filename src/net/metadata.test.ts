import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addrFromBytes } from './addr.ts';
import { METADATA_ADDRESSES } from './metadata.ts';

/** As the program compares them: words of 32 bits in their order. */
function addressesOf(source: string): string[] {
  const body = /is_metadata\([^)]*\)\n\{(.*?)\n\}/s.exec(source)?.[1] ?? '';
  const [four = '', six = ''] = body.split('if (addr->p2 || addr->p3)');
  const words = (text: string, field: string): number[] =>
    Array.from(text.matchAll(new RegExp(`${field} == bpf_htonl\\((0x[0-9a-f]+)\\)`, 'g')), ([, word]) => Number(word));
  const bytes = (...all: number[]): Buffer => {
    const made = Buffer.alloc(all.length * 4);
    for (const [at, word] of all.entries()) made.writeUInt32BE(word, at * 4);
    return made;
  };
  const low = words(six, 'addr->v4');
  return [
    ...words(four, 'addr->v4').map((word) => addrFromBytes(bytes(word))),
    ...words(six, 'addr->p1').map((high, at) => addrFromBytes(bytes(high, 0, 0, low[at] ?? 0))),
  ];
}

test('what clouds give out credentials at is the same in the programs, here, and in what users are told', () => {
  const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  expect(addressesOf(read('bpf/lib/tenant.h'))).toEqual(METADATA_ADDRESSES);
  const line = read('docs/TENANTS.md').match(/`world\.metadata: Never` \|[^\n]*/)?.[0];
  expect(line).toContain(`: ${METADATA_ADDRESSES.join(', ')}. `);
});
