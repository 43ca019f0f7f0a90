import { createHash } from 'node:crypto';
import type { Btf } from '../../src/datapath/kernel/btf.ts';
import { mapsOf } from '../../src/datapath/kernel/map-spec.ts';
import { BuildError } from './clang.ts';
import type { Enum, Struct } from './layout.ts';

/** What the rows of maps are made of beside their own types. */
export type Meanings = {
  readonly enums: readonly Enum[];
  readonly numbers: ReadonlyMap<string, bigint>;
  /** Every shared struct, for maps whose BTF does not say what is in them: rings. */
  readonly structs: readonly Struct[];
};

/**
 * By map, a hash of what its rows mean, for the name of its pin: the fields of key and value with their tags, the members of
 * the enums that these name, and the numbers that the map's own tags name; and, since anything may be made of them, the
 * enums and numbers that no tag names. A map whose rows were written with others is not taken for one of ours. What is in
 * a ring or a map of programs no type says: for it everything counts. Throws BuildError for a tag that names no number.
 */
export function mapLayouts(btf: Btf, meanings: Meanings): ReadonlyMap<string, string> {
  const maps = mapTypes(btf, [...meanings.numbers.keys()]);
  const anywhere = commonOf(btf, maps, meanings);
  return new Map(
    maps.map((map) => {
      const meaning = map.isOpaque
        ? [meanings.structs, meanings.enums.map(membersOf), [...meanings.numbers].map(numberText)]
        : [...ofRows(btf, map, meanings), anywhere];
      return [map.name, createHash('sha256').update(JSON.stringify(meaning)).digest('hex').slice(0, 8)];
    }),
  );
}

function ofRows(btf: Btf, map: MapType, { enums, numbers }: Meanings): unknown[] {
  const tags: string[] = [];
  const shape = map.types.map((type) => shapeOf(btf, type, tags));
  const own = new Set(enumsIn(tags));
  return [
    shape,
    enums.filter(({ name }) => own.has(name)).map(membersOf),
    [...numbers].filter(([name]) => map.counts(name)).map(numberText),
  ];
}

/** What no tag names. */
function commonOf(btf: Btf, maps: readonly MapType[], { enums, numbers }: Meanings): unknown {
  const tagged = new Set(btf.types.flatMap((t) => (t.kind === 'declTag' ? enumsIn([t.name]) : [])));
  return [
    enums.filter(({ name }) => !tagged.has(name)).map(membersOf),
    [...numbers].filter(([name]) => !maps.some((map) => map.counts(name))).map(numberText),
  ];
}

const numberText = ([name, value]: readonly [string, bigint]): string => `${name} ${value}`;

/** `enum verdict` and `by enum direction` -> their names. */
function enumsIn(tags: readonly string[]): string[] {
  return tags.flatMap((tag) => tag.match(/^(?:by )?enum (\w+)$/)?.[1] ?? []);
}

function membersOf(type: Enum): unknown {
  // A bound is no member: it grows with them.
  return [type.name, [...type.values].filter(([name]) => !name.endsWith('_COUNT'))];
}

type MapType = {
  readonly name: string;
  /** Type ids of key and value. */
  readonly types: readonly number[];
  /** Whether a number is one of those that its tags name. */
  readonly counts: (number: string) => boolean;
  readonly isOpaque: boolean;
};

/** Of libbpf's BTF-defined maps. */
function mapTypes(btf: Btf, numbers: readonly string[]): MapType[] {
  const section = btf.types.find((t) => t.kind === 'datasec' && t.name === '.maps');
  if (section?.kind !== 'datasec') return [];
  const holdsPrograms = new Set(mapsOf(btf).flatMap(({ name, type }) => (type === 'progArray' ? [name] : [])));
  return section.variables.flatMap((id) => {
    const variable = btf.type(id);
    if (variable.kind !== 'variable') return [];
    const { name } = variable;
    const definition = btf.resolve(variable.type);
    const members = definition.kind === 'struct' ? definition.members : [];
    const types = members.flatMap((member) => {
      const pointer = btf.type(member.type);
      return (member.name === 'key' || member.name === 'value') && pointer.kind === 'pointer' ? [pointer.type] : [];
    });
    const own = new Set(btf.tags(id).flatMap((tag) => numbersOf(name, tag, numbers)));
    return [
      { name, types, counts: (number) => own.has(number), isOpaque: types.length === 0 || holdsPrograms.has(name) },
    ];
  });
}

/** `of ACCOUNT_COUNT` -> that number; `of ACCOUNT_` -> all that begin so. */
function numbersOf(map: string, tag: string, numbers: readonly string[]): string[] {
  const named = tag.match(/^of (\w+)$/)?.[1] ?? '';
  const found = numbers.filter((number) => (named.endsWith('_') ? number.startsWith(named) : number === named));
  if (found.length === 0) throw new BuildError(`map ${map}: __tag(${tag}) names no shared number`);
  return found;
}

/** A type with all that it is made of; adds what is said of its parts to `tags`. */
function shapeOf(btf: Btf, id: number, tags: string[]): unknown {
  const type = btf.type(id);
  const said = (member?: number): string[] => {
    const found = btf.tags(id, member);
    tags.push(...found);
    return found;
  };
  switch (type.kind) {
    case 'struct':
    case 'union':
      return [type.size, type.members.map((m, index) => [m.name, m.offset, said(index), shapeOf(btf, m.type, tags)])];
    case 'array':
      return [type.length, shapeOf(btf, type.type, tags)];
    case 'typedef':
      return [type.name, said(), shapeOf(btf, type.type, tags)];
    case 'const':
    case 'volatile':
      return shapeOf(btf, type.type, tags);
    case 'int':
      return [type.name, type.size];
    default:
      throw new TypeError(`a ${type.kind} cannot be in a map`);
  }
}
