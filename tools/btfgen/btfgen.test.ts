import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Btf } from '../../src/datapath/kernel/btf.ts';
import { parseElf } from '../../src/datapath/kernel/elf.ts';
import { compile } from './clang.ts';
import { emitCodecs } from './emit-codecs.ts';
import { emitEnums, enumMembers } from './emit-enums.ts';
import { parseHeader } from './header.ts';
import { type Layout, layoutOf } from './layout.ts';
import { generate } from './main.ts';

const HEADER = `#include <linux/types.h>
#define __tag(meaning) __attribute__((btf_decl_tag(#meaning)))
#define ANSWER 42
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
`;

function layout(header: string, anchors: string): Layout {
  const directory = mkdtempSync(join(tmpdir(), 'membrane-btfgen-'));
  try {
    writeFileSync(join(directory, 'x.c'), `${header}\n${anchors}\n`);
    compile(join(directory, 'x.c'), join(directory, 'x.o'));
    const elf = parseElf(readFileSync(join(directory, 'x.o')));
    const data = elf.sections.find((s) => s.name === '.BTF')?.data ?? new Uint8Array(0);
    return layoutOf(Btf.parse(data), parseHeader(header));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const ANCHORS = 'enum way a; struct thing b;';

describe('btfgen', () => {
  it('reads what BTF does not keep from the header', () => {
    const header = parseHeader(HEADER);
    expect(header.records).toEqual([
      { kind: 'enum', name: 'way', doc: 'Which way it goes.' },
      { kind: 'struct', name: 'thing', doc: 'One thing.' },
    ]);
    expect(header.fieldDocs.get('thing.whose')).toBe('of the peer');
    expect(header.constants).toEqual(new Map([['ANSWER', 42]]));
  });

  it('reads layouts from BTF', () => {
    const { structs, enums } = layout(HEADER, ANCHORS);
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
    ]);
  });

  it('writes codecs that name types and swap bytes', () => {
    const it = layout(HEADER, ANCHORS);
    const code = emitCodecs(it.structs, it);
    expect(code).toContain('readonly whose: IdentityId;');
    expect(code).toContain('port: view.getUint16(offset + 4),');
    expect(code).toContain('way: enumName(WAY_NAMES, view.getUint8(offset + 6)),');
    expect(code).toContain('  /** by way; of both */\n  readonly pair: readonly [EndpointId, EndpointId];');
    expect(code).not.toContain('pad');
    expect(emitEnums(it.enums)).toContain("  'out-of-it': 2,");
  });

  it('takes the meaning of a field from its tags, never from the words of a comment', () => {
    const it = layout(HEADER.replace('way __tag(enum way);', 'way; /* enum way */'), ANCHORS);
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
    const it = layout(HEADER.replace(right, wrong), ANCHORS);
    expect(() => emitCodecs(it.structs, it)).toThrow(why);
  });

  it('has another hash for every change of a layout, and the same for a comment', () => {
    const base = layout(HEADER, ANCHORS).hash;
    expect(layout(HEADER.replace('of the peer', 'of the other'), ANCHORS).hash).toBe(base);
    for (const changed of [
      HEADER.replace('__be16 port', '__u16 port'),
      HEADER.replace('__u8 pad', '__u8 pad2'),
      HEADER.replace('WAY_OUT_OF_IT = 2', 'WAY_OUT_OF_IT = 1'),
      HEADER.replace('ANSWER 42', 'ANSWER 43'),
      HEADER.replace('__u16 pair[2]', '__u16 pair[3]'),
      HEADER.replace('__tag(identity)', '__tag(endpoint)'),
    ]) {
      expect(layout(changed, ANCHORS).hash, changed).not.toBe(base);
    }
  });

  it('says what the compiler says', () => {
    expect(() => layout(`${HEADER}struct broken {`, '')).toThrow(/does not compile/);
  });

  it('is deterministic and committed', () => {
    const root = new URL('../../', import.meta.url);
    for (const [path, text] of generate()) expect(readFileSync(new URL(path, root), 'utf8'), path).toBe(text);
  });
});
