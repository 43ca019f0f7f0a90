import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Btf } from '../../src/datapath/kernel/btf.ts';
import { type Elf, parseElf } from '../../src/datapath/kernel/elf.ts';
import { type MapSpec, mapsOf } from '../../src/datapath/kernel/map-spec.ts';
import { BuildError, compile, ROOT } from './clang.ts';
import { type Header, readHeaders } from './header.ts';
import { mapLayouts } from './map-layout.ts';

export type Field = {
  /** As in C. */
  readonly name: string;
  /** The typedef or tag in the header: `__be16`, `union addr`. */
  readonly type: string;
  /** Elements of an array; undefined for a single value. */
  readonly length: number | undefined;
  readonly offset: number;
  /** Bytes of one element. */
  readonly size: number;
  /** What `__tag` says of it, in the order in which it is written. */
  readonly tags: readonly string[];
  readonly doc: string;
};

export type Struct = {
  readonly name: string;
  readonly doc: string;
  readonly size: number;
  readonly fields: readonly Field[];
};

export type Enum = { readonly name: string; readonly doc: string; readonly values: ReadonlyMap<string, number> };

/** Everything that C and TypeScript share. */
export type Layout = {
  readonly structs: readonly Struct[];
  readonly enums: readonly Enum[];
  readonly maps: readonly MapSpec[];
  readonly numbers: ReadonlyMap<string, bigint>;
  /** By map: of what its rows mean. */
  readonly mapLayouts: ReadonlyMap<string, string>;
  /** Over all of the above except comments. */
  readonly hash: string;
};

const HEADERS = ['reserved.h', 'types.h', 'drop.h', 'config.h', 'maps.h'];

/** Reads the layouts of the shared headers; `behind`: C that is compiled behind them. Throws BuildError. */
export function readLayout(behind = ''): Layout {
  const header = readHeaders(HEADERS.map((file) => join(ROOT, 'bpf/lib', file)));
  return layoutOf([...HEADERS.map((file) => `#include "lib/${file}"`), behind].join('\n'), header);
}

/**
 * Compiles the source with a variable of every type, because BTF keeps only what a program reaches, and with one of every
 * number, because it keeps no macros; and reads the layouts back. Throws BuildError.
 */
export function layoutOf(source: string, header: Header): Layout {
  const missing = header.records.filter(({ kind, name }) => kind === 'struct' && !header.asserted.has(name));
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(', ');
    throw new BuildError(`shared structs without a _Static_assert on their size: ${names}`);
  }
  const elf = parseElf(compiled(source, header));
  const section = elf.sections.find((s) => s.name === '.BTF');
  if (section === undefined) throw new BuildError('clang wrote no BTF for the shared headers');
  return described(Btf.parse(section.data), header, numbersOf(elf, header));
}

function compiled(source: string, header: Header): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'membrane-layout-'));
  try {
    const [from, to] = [join(directory, 'layout.c'), join(directory, 'layout.o')];
    const types = header.records.map(({ kind, name }) => `${kind} ${name} anchor_${name};`);
    const numbers = header.numbers.map((name) => `const unsigned long long number_${name} = ${name};`);
    writeFileSync(from, [source, ...types, ...numbers, ''].join('\n'));
    compile(from, to);
    return readFileSync(to);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function numbersOf(elf: Elf, header: Header): Map<string, bigint> {
  return new Map(
    header.numbers.map((name) => {
      const symbol = elf.symbols.find((s) => s.name === `number_${name}`);
      const data = elf.sections.find((s) => s.index === symbol?.section)?.data;
      if (symbol === undefined || data === undefined) throw new BuildError(`clang kept nothing of the number ${name}`);
      return [name, new DataView(data.buffer, data.byteOffset + symbol.value, 8).getBigUint64(0, true)];
    }),
  );
}

function described(btf: Btf, header: Header, numbers: ReadonlyMap<string, bigint>): Layout {
  const structs = header.records.filter((r) => r.kind === 'struct').map((r) => structOf(btf, header, r));
  const enums = header.records
    .filter((r) => r.kind === 'enum')
    .map((r): Enum => {
      const type = btf.types.find((t) => t.kind === 'enum' && t.name === r.name);
      if (type?.kind !== 'enum') throw new BuildError(`enum ${r.name} is not in the BTF of the shared headers`);
      return { name: r.name, doc: r.doc, values: type.values };
    });
  const maps = mapsOf(btf).toSorted((a, b) => a.name.localeCompare(b.name));
  const layouts = mapLayouts(btf, { enums, numbers, structs: structs.map(withoutDocs) });
  const shape = JSON.stringify([
    structs.map(withoutDocs),
    enums.map((e) => [e.name, [...e.values]]),
    maps,
    [...layouts],
    [...numbers].map(([name, value]) => [name, `${value}`]),
  ]);
  const hash = createHash('sha256').update(shape).digest('hex').slice(0, 16);
  return { structs, enums, maps, numbers, mapLayouts: layouts, hash };
}

/** A comment is no part of a layout. */
function withoutDocs(struct: Struct): Struct {
  return { ...struct, doc: '', fields: struct.fields.map((field) => ({ ...field, doc: '' })) };
}

function structOf(btf: Btf, header: Header, record: { readonly name: string; readonly doc: string }): Struct {
  const id = btf.find(record.name) ?? 0;
  const type = btf.type(id);
  if (type.kind !== 'struct') throw new BuildError(`struct ${record.name} is not in the BTF of the shared headers`);
  const fields = type.members.map((member, index): Field => {
    const direct = btf.type(member.type);
    const element = direct.kind === 'array' ? direct.type : member.type;
    return {
      name: member.name,
      type: typeName(btf, element),
      length: direct.kind === 'array' ? direct.length : undefined,
      offset: member.offset,
      size: btf.size(element),
      tags: btf.tags(id, index),
      doc: header.fieldDocs.get(`${record.name}.${member.name}`) ?? '',
    };
  });
  return { ...record, size: type.size, fields };
}

function typeName(btf: Btf, id: number): string {
  const type = btf.type(id);
  switch (type.kind) {
    case 'typedef':
    case 'int':
      return type.name;
    case 'struct':
    case 'union':
    case 'enum':
      return `${type.kind} ${type.name}`;
    case 'const':
    case 'volatile':
      return typeName(btf, type.type);
    default:
      throw new BuildError(`a field of kind ${type.kind} cannot be shared`);
  }
}
