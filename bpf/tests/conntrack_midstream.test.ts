import { describe, expect, test } from 'vitest';
import { CT_FLAG } from '../../src/model/gen/enums.ts';
import type { PolicyTableRow } from '../../src/model/testkit.ts';
import { sctp, tcp } from './frames.ts';
import { allow } from './lab.ts';
import { BACKEND, CLIENT, FRONTEND, Pair, SCTP, SERVICE, TCP } from './pair.ts';

const WORDS = ['a egress', 'b ingress', 'b egress', 'a ingress'] as const;
type Leave = (typeof WORDS)[number];

/** All subsets: who lets what through, by identity, protocol and the port that the opener would have called. */
const SUBSETS = Array.from({ length: 16 }, (_, bits) => WORDS.filter((_word, bit) => (bits & (1 << bit)) !== 0));

function tables(
  granted: readonly Leave[],
  protocol: number,
): { a: readonly PolicyTableRow[]; b: readonly PolicyTableRow[] } {
  const rows: Readonly<Record<Leave, PolicyTableRow>> = {
    'a egress': allow('egress', BACKEND, protocol, SERVICE),
    'b ingress': allow('ingress', FRONTEND, protocol, SERVICE),
    'b egress': allow('egress', FRONTEND, protocol, CLIENT),
    'a ingress': allow('ingress', BACKEND, protocol, CLIENT),
  };
  const of = (pod: string) => granted.filter((word) => word.startsWith(pod)).map((word) => rows[word]);
  const never = allow('ingress', 9999);
  return { a: [never, ...of('a')], b: [never, ...of('b')] };
}

function expected(granted: readonly Leave[], own: 'a' | 'b'): string {
  const other = own === 'a' ? 'b' : 'a';
  if (!granted.includes(`${own} egress`)) return 'policy-egress';
  if (!granted.includes(`${other} ingress`)) return 'policy-ingress';
  return granted.length === WORDS.length ? 'redirect' : 'ct-midstream';
}

describe.each([
  ['TCP', TCP, (from: number, to: number) => tcp(from, to, 'ACK', 'PSH')],
  ['TCP SYN-ACK', TCP, (from: number, to: number) => tcp(from, to, 'SYN', 'ACK')],
  ['TCP FIN', TCP, (from: number, to: number) => tcp(from, to, 'FIN', 'ACK')],
  ['TCP RST', TCP, (from: number, to: number) => tcp(from, to, 'RST')],
  ['SCTP', SCTP, (from: number, to: number) => sctp(from, to, 0)],
] as const)('%s in mid-stream without an entry', (_name, protocol, packet) => {
  test.each(SUBSETS.map((granted) => [granted.join(', ') || 'nothing', granted] as const))(
    'granted: %s',
    async (_words, granted) => {
      using pair = await Pair.create(tables(granted, protocol));
      expect(pair.forth(packet(CLIENT, SERVICE)).verdict, 'a sends').toBe(expected(granted, 'a'));
      await pair.forgetConnections();
      expect(pair.back(packet(SERVICE, CLIENT)).verdict, 'b sends').toBe(expected(granted, 'b'));
    },
  );
});

const ALL = tables(WORDS, TCP);

test('an entry made in mid-stream serves both ends and says what it is', async () => {
  using pair = await Pair.create(ALL);
  expect(pair.forth(tcp(CLIENT, SERVICE, 'ACK')).events.map(({ type }) => type)).toEqual(['open']);
  const [, entry] = await pair.entry();
  expect(entry.flags).toBe(CT_FLAG.midstream | CT_FLAG.replied);
  expect(pair.back(tcp(SERVICE, CLIENT, 'ACK')).verdict).toBe('redirect');
});

test('a reset in mid-stream is told like anything else, and soon forgotten', async () => {
  using pair = await Pair.create(ALL);
  const { verdict, events } = pair.forth(tcp(CLIENT, SERVICE, 'RST', 'PSH'));
  expect([verdict, events.map(({ type }) => type)]).toEqual(['redirect', ['open']]);
  expect((await pair.entry())[1].timeout).toBe(10);
});

test('such an entry needs the leave of both again when policy changes', async () => {
  using pair = await Pair.create(ALL);
  pair.forth(tcp(CLIENT, SERVICE, 'ACK'));
  const { a } = tables(['a egress'], TCP);
  await pair.open(pair.a, a);
  expect(pair.forth(tcp(CLIENT, SERVICE, 'ACK')).verdict).toBe('ct-midstream');
  expect(pair.back(tcp(SERVICE, CLIENT, 'ACK')).action).toBe('drop');
});
