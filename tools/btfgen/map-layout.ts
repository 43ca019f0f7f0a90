import { createHash } from 'node:crypto';
import type { Btf } from '../../src/datapath/kernel/btf.ts';
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
 * the enums that these name, and all numbers, with the enums that no field names. A map whose rows were written with
 * others is not taken for one of ours.
 */
export function mapLayouts(btf: Btf, meanings: Meanings): ReadonlyMap<string, string> {
  const tagged = new Set(btf.types.flatMap((t) => (t.kind === 'declTag' ? enumsIn([t.name]) : [])));
  const ofAll = [
    [...meanings.numbers].map(([name, value]) => [name, `${value}`]),
    meanings.enums.filter(({ name }) => !tagged.has(name)).map(membersOf),
  ];
  return new Map(
    mapTypes(btf).map(({ name, types }) => {
      const tags: string[] = types.length === 0 ? meanings.structs.flatMap((s) => s.fields.flatMap((f) => f.tags)) : [];
      const shape = types.length === 0 ? meanings.structs : types.map((type) => shapeOf(btf, type, tags));
      const own = new Set(enumsIn(tags));
      const text = JSON.stringify([shape, meanings.enums.filter((e) => own.has(e.name)).map(membersOf), ofAll]);
      return [name, createHash('sha256').update(text).digest('hex').slice(0, 8)];
    }),
  );
}

/** `enum verdict` and `by enum direction` -> their names. */
function enumsIn(tags: readonly string[]): string[] {
  return tags.flatMap((tag) => tag.match(/^(?:by )?enum (\w+)$/)?.[1] ?? []);
}

function membersOf(type: Enum): unknown {
  // A bound is no member: it grows with them.
  return [type.name, [...type.values].filter(([name]) => !name.endsWith('_COUNT'))];
}

/** Name, and type ids of key and value, of every map (libbpf's BTF-defined maps). */
function mapTypes(btf: Btf): { readonly name: string; readonly types: readonly number[] }[] {
  const section = btf.types.find((t) => t.kind === 'datasec' && t.name === '.maps');
  if (section?.kind !== 'datasec') return [];
  return section.variables.flatMap((id) => {
    const variable = btf.type(id);
    if (variable.kind !== 'variable') return [];
    const definition = btf.resolve(variable.type);
    const members = definition.kind === 'struct' ? definition.members : [];
    const types = members.flatMap(({ name, type }) => {
      const pointer = btf.type(type);
      return (name === 'key' || name === 'value') && pointer.kind === 'pointer' ? [pointer.type] : [];
    });
    return [{ name: variable.name, types }];
  });
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
