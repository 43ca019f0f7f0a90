import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Btf } from '../../src/datapath/kernel/btf.ts';
import { parseElf } from '../../src/datapath/kernel/elf.ts';
import { type MapSpec, mapsOf } from '../../src/datapath/kernel/map-spec.ts';
import { BuildError, compile, ROOT } from './clang.ts';
import { type Header, readHeaders } from './header.ts';

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
  readonly constants: ReadonlyMap<string, number>;
  /** Over all of the above except comments. */
  readonly hash: string;
};

const HEADERS = ['types.h', 'drop.h', 'config.h', 'maps.h'];

/**
 * Compiles the shared headers with a variable of every type, because BTF keeps only what a program reaches, and reads
 * the layouts back. Throws BuildError.
 */
export function readLayout(): Layout {
  const header = readHeaders(HEADERS.map((file) => join(ROOT, 'bpf/lib', file)));
  const directory = mkdtempSync(join(tmpdir(), 'membrane-layout-'));
  try {
    const source = join(directory, 'layout.c');
    const anchors = header.records.map(({ kind, name }) => `${kind} ${name} anchor_${name};`);
    writeFileSync(source, [...HEADERS.map((file) => `#include "lib/${file}"`), ...anchors, ''].join('\n'));
    compile(source, join(directory, 'layout.o'));
    const elf = parseElf(readFileSync(join(directory, 'layout.o')));
    const section = elf.sections.find((s) => s.name === '.BTF');
    if (section === undefined) throw new BuildError('clang wrote no BTF for the shared headers');
    return layoutOf(Btf.parse(section.data), header);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export function layoutOf(btf: Btf, header: Header): Layout {
  const structs = header.records.filter((r) => r.kind === 'struct').map((r) => structOf(btf, header, r));
  const enums = header.records
    .filter((r) => r.kind === 'enum')
    .map((r): Enum => {
      const type = btf.types.find((t) => t.kind === 'enum' && t.name === r.name);
      if (type?.kind !== 'enum') throw new BuildError(`enum ${r.name} is not in the BTF of the shared headers`);
      return { name: r.name, doc: r.doc, values: type.values };
    });
  const maps = mapsOf(btf).toSorted((a, b) => a.name.localeCompare(b.name));
  const shape = JSON.stringify([
    structs.map((s) => [s.name, s.size, s.fields.map((f) => [f.name, f.type, f.length, f.offset, f.size, f.tags])]),
    enums.map((e) => [e.name, [...e.values]]),
    maps,
    [...header.constants],
  ]);
  const hash = createHash('sha256').update(shape).digest('hex').slice(0, 16);
  return { structs, enums, maps, constants: header.constants, hash };
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
