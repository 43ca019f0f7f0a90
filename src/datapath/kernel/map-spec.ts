import type { Btf, BtfType } from './btf.ts';

/** Numbers of enum bpf_map_type. */
export const MAP_TYPES = {
  hash: 1,
  array: 2,
  progArray: 3,
  perCpuHash: 5,
  perCpuArray: 6,
  lruHash: 9,
  lpmTrie: 11,
  ringBuffer: 27,
} as const;
export type MapType = keyof typeof MAP_TYPES;

export type MapSpec = {
  readonly name: string;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
};

const typeNames = new Map<number, MapType>(
  (Object.entries(MAP_TYPES) as [MapType, number][]).map(([name, number]) => [number, name]),
);

/** The maps of an object, from the variables of its .maps section (libbpf's BTF-defined maps). */
export function mapsOf(btf: Btf): MapSpec[] {
  const section = btf.types.find((t) => t.kind === 'datasec' && t.name === '.maps');
  if (section?.kind !== 'datasec') return [];
  return section.variables.map((id) => {
    const variable = btf.type(id);
    const definition = variable.kind === 'variable' ? btf.resolve(variable.type) : variable;
    if (variable.kind !== 'variable' || definition.kind !== 'struct') throw new TypeError('.maps holds no map');
    const target = (name: string): number | undefined => {
      const member = definition.members.find((m) => m.name === name);
      const pointer: BtfType | undefined = member === undefined ? undefined : btf.type(member.type);
      return pointer?.kind === 'pointer' ? pointer.type : undefined;
    };
    const number = (name: string): number => {
      const type = target(name);
      const array = type === undefined ? undefined : btf.type(type);
      return array?.kind === 'array' ? array.length : 0;
    };
    const size = (name: string): number => {
      const type = target(name);
      return type === undefined ? number(`${name}_size`) : btf.size(type);
    };
    const type = typeNames.get(number('type'));
    if (type === undefined) throw new TypeError(`map ${variable.name} has the unknown type ${number('type')}`);
    return {
      name: variable.name,
      type,
      keySize: size('key'),
      valueSize: size('value'),
      maxEntries: number('max_entries'),
      flags: number('map_flags'),
    };
  });
}
