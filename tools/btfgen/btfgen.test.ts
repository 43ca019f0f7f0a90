import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { emitCodecs } from './emit-codecs.ts';
import { emitEnums, enumMembers } from './emit-enums.ts';
import { emitNumbers } from './emit-numbers.ts';
import { parseHeader } from './header.ts';
import { type Layout, layoutOf, readLayout } from './layout.ts';
import { generate } from './main.ts';

const HEADER = `#include <linux/types.h>
#define __tag(meaning) __attribute__((btf_decl_tag(#meaning)))
#define ANSWER 42
#define TWICE (ANSWER * 2) /* and more */
#define ROOM_LEFT 7
#define WAY_BACK 8
/* Which way
 * it goes. */
enum way {
	WAY_IN = 0,
	WAY_OUT_OF_IT = 2, /* gone */
	WAY_COUNT = 3,
};

/* One thing. */
struct thing {
	__u32 whose __tag(identity); /* of the peer */
	__be16 port;
	__u8 way __tag(enum way);
	__u8 pad;
	__u64 packets;
	__u16 pair[2] __tag(endpoint) __tag(by enum way); /* of both */
};
_Static_assert(sizeof(struct thing) == 24, "thing");

enum apart {
	APART_ONE = 1,
};

typedef __u32 place __tag(by enum way);

struct {
	int (*type)[2];
	int (*max_entries)[4];
	place *key;
	__u64 *value;
} counts __attribute__((section(".maps")));

struct {
	int (*type)[1];
	int (*max_entries)[4];
	__u32 *key;
	struct thing *value;
} things __attribute__((section(".maps")));

struct {
	int (*type)[1];
	int (*max_entries)[4];
	__u32 *key;
	__u32 *value;
} bare __attribute__((section(".maps"))) __tag(of ROOM_);

struct {
	int (*type)[3];
	int (*max_entries)[4];
	__u32 *key;
	__u32 *value;
} programs __attribute__((section(".maps"))) __tag(of WAY_BACK);

struct {
	int (*type)[27];
	int (*max_entries)[4096];
} ring __attribute__((section(".maps")));
`;

/** Maps of which no type says what is in them. */
const OPAQUE = ['programs', 'ring'];

/** With one more of these, all connections end at an upgrade. */
const OF_EVERY_MAP = /^(IDENTITY_\w+|LAYOUT_VERSION|MAX_ENDPOINTS|FIRST_OUTSIDE|OUTSIDE_\w+|\w+_TICKS|TICK_BITS)$/;

const layout = (header: string): Layout => layoutOf(header, parseHeader(header));

describe('btfgen', () => {
  it('reads what BTF does not keep from the header', () => {
    const header = parseHeader(HEADER);
    expect(header.records).toEqual([
      { kind: 'enum', name: 'way', doc: 'Which way it goes.' },
      { kind: 'struct', name: 'thing', doc: 'One thing.' },
      { kind: 'enum', name: 'apart', doc: '' },
    ]);
    expect(header.fieldDocs.get('thing.whose')).toBe('of the peer');
    expect(header.numbers).toEqual(['ANSWER', 'TWICE', 'ROOM_LEFT', 'WAY_BACK']);
    expect(header.asserted).toEqual(new Set(['thing']));
  });

  it('reads layouts from BTF', () => {
    const { structs, enums } = layout(HEADER);
    expect(structs[0]?.fields.map((f) => [f.name, f.type, f.offset, f.size, f.length, f.tags])).toEqual([
      ['whose', '__u32', 0, 4, undefined, ['identity']],
      ['port', '__be16', 4, 2, undefined, []],
      ['way', '__u8', 6, 1, undefined, ['enum way']],
      ['pad', '__u8', 7, 1, undefined, []],
      ['packets', '__u64', 8, 8, undefined, []],
      ['pair', '__u16', 16, 2, 2, ['endpoint', 'by enum way']],
    ]);
    expect(structs[0]?.size).toBe(24);
    expect(enums.map(enumMembers)).toEqual([
      [
        { name: 'in', value: 0 },
        { name: 'out-of-it', value: 2 },
      ],
      [{ name: 'one', value: 1 }],
    ]);
  });

  it('writes codecs that name types and swap bytes', () => {
    const it = layout(HEADER);
    const code = emitCodecs(it.structs, it);
    expect(code).toContain('readonly whose: IdentityId;');
    expect(code).toContain('port: view.getUint16(offset + 4),');
    expect(code).toContain('way: enumName(WAY_NAMES, view.getUint8(offset + 6)),');
    expect(code).toContain('  /** by way; of both */\n  readonly pair: readonly [EndpointId, EndpointId];');
    expect(code).not.toContain('pad');
    expect(emitEnums(it)).toContain("  'out-of-it': 2,");
  });

  it('takes the meaning of a field from its tags, never from the words of a comment', () => {
    const it = layout(HEADER.replace('way __tag(enum way);', 'way; /* enum way */'));
    expect(emitCodecs(it.structs, it)).toContain('way: view.getUint8(offset + 6),');
  });

  it.each([
    ['whose __tag(identity)', 'whose __tag(idenity)', 'does not fit __u32'],
    ['whose __tag(identity)', 'whose __tag(mac)', 'does not fit __u32'],
    ['whose __tag(identity)', 'whose __tag(identity) __tag(endpoint)', 'two tags'],
    ['packets;', 'packets __tag(identity);', 'does not fit __u64'],
    ['__tag(enum way)', '__tag(enum day)', 'names no shared enum'],
    ['__tag(by enum way)', '__tag(by enum day)', 'names no shared enum'],
  ])('refuses %s as %s', (right, wrong, why) => {
    const it = layout(HEADER.replace(right, wrong));
    expect(() => emitCodecs(it.structs, it)).toThrow(why);
  });

  it('has another hash for every change of a layout, and the same for a comment', () => {
    const base = layout(HEADER).hash;
    expect(layout(HEADER.replace('of the peer', 'of the other')).hash).toBe(base);
    for (const changed of [
      HEADER.replace('__be16 port', '__u16 port'),
      HEADER.replace('__u8 pad', '__u8 pad2'),
      HEADER.replace('WAY_OUT_OF_IT = 2', 'WAY_OUT_OF_IT = 1'),
      HEADER.replace('ANSWER 42', 'ANSWER 43'),
      HEADER.replace('__u16 pair[2]', '__u16 pair[3]'),
      HEADER.replace('__tag(identity)', '__tag(endpoint)'),
    ]) {
      expect(layout(changed).hash, changed).not.toBe(base);
    }
  });

  it('asks the compiler for numbers', () => {
    expect(layout(HEADER).numbers).toEqual(
      new Map([
        ['ANSWER', 42n],
        ['TWICE', 84n],
        ['ROOM_LEFT', 7n],
        ['WAY_BACK', 8n],
      ]),
    );
    expect(emitNumbers(layout(HEADER.replace('(ANSWER * 2)', '(~0ULL)')))).toContain('TWICE = 18446744073709551615n;');
  });

  it.each([
    ['a field', ['struct thing {', 'struct thing {\n\t__u64 more;'], ['things', ...OPAQUE]],
    ['a member of an enum that fields name', ['OUT_OF_IT = 2', 'OUT_OF_IT = 1'], ['counts', 'things', ...OPAQUE]],
    ['a member of another enum', ['APART_ONE = 1', 'APART_ONE = 2'], ['bare', 'counts', 'things', ...OPAQUE]],
    ['a number', ['ANSWER 42', 'ANSWER 43'], ['bare', 'counts', 'things', ...OPAQUE]],
    ['one more', ['#define WAY_BACK', '#define MORE 9\n#define WAY_BACK'], ['bare', 'counts', 'things', ...OPAQUE]],
    ['a number of one map', ['ROOM_LEFT 7', 'ROOM_LEFT 9'], ['bare', ...OPAQUE]],
    ['one more of that map', ['#define WAY_BACK', '#define ROOM_TAKEN 9\n#define WAY_BACK'], ['bare', ...OPAQUE]],
    ['a number that programs hand on', ['WAY_BACK 8', 'WAY_BACK 9'], OPAQUE],
    ['what a field is said to be', ['__tag(identity)', '__tag(endpoint)'], ['things', ...OPAQUE]],
    ['a comment', ['of the peer', 'of the other'], []],
    ['a bound', ['WAY_COUNT = 3', 'WAY_COUNT = 4'], []],
    ['a size', ['(*max_entries)[4]', '(*max_entries)[8]'], []],
  ])('changes of the layouts of maps for %s those that hold it', (_, [from = '', to = ''], changed) => {
    const [before, after] = [
      layout(HEADER),
      layout(HEADER.replace(from, to).replace('== 24', to.includes('more') ? '== 32' : '== 24')),
    ];
    const differ = [...before.mapLayouts].filter(([name, hash]) => after.mapLayouts.get(name) !== hash);
    expect(differ.map(([name]) => name).toSorted()).toEqual(changed.toSorted());
  });

  it('refuses a tag of a map that names no number', () => {
    expect(() => layout(HEADER.replace('of ROOM_', 'of ROOMS'))).toThrow('map bare: __tag(of ROOMS) names no shared');
  });

  it('ends no connection for a number that has nothing to do with any', () => {
    const { numbers, mapLayouts } = readLayout();
    const others = [...numbers.keys()].filter((name) => !OF_EVERY_MAP.test(name));
    const changed = others.map((name) => `#undef ${name}\n#define ${name} 4242`).join('\n');
    const after = readLayout(changed).mapLayouts;
    const kept = ['conntrack', 'snat', 'translations'].filter((name) => mapLayouts.get(name) === after.get(name));
    expect(kept).toEqual(['conntrack', 'snat']);
  });

  it('wants the size of every shared struct asserted', () => {
    expect(() => layout(HEADER.replace(/^_Static_assert.*$/m, ''))).toThrow(
      'without a _Static_assert on their size: thing',
    );
  });

  it('says what the compiler says', () => {
    expect(() => layout(`${HEADER}int broken {`)).toThrow(/does not compile/);
  });

  it('is deterministic and committed', () => {
    const root = new URL('../../', import.meta.url);
    for (const [path, text] of generate()) expect(readFileSync(new URL(path, root), 'utf8'), path).toBe(text);
  });
});
