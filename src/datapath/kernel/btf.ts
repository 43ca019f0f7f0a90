/** BPF type format (Documentation/bpf/btf.rst in the kernel), read only. */

export type BtfMember = { readonly name: string; readonly type: number /** Bytes. */; readonly offset: number };

export type BtfType =
  | { readonly kind: 'void' }
  | { readonly kind: 'int'; readonly name: string; readonly size: number; readonly signed: boolean }
  | { readonly kind: 'array'; readonly type: number; readonly length: number }
  | {
      readonly kind: 'struct' | 'union';
      readonly name: string;
      readonly size: number;
      readonly members: readonly BtfMember[];
    }
  | {
      readonly kind: 'enum';
      readonly name: string;
      readonly size: number;
      readonly values: ReadonlyMap<string, number>;
    }
  | { readonly kind: 'datasec'; readonly name: string; readonly variables: readonly number[] }
  /** `__tag`: what is said of a type, or of one of its members. */
  | {
      readonly kind: 'declTag';
      readonly name: string;
      readonly type: number;
      /** Index of the member; undefined: of the type itself. */
      readonly member: number | undefined;
    }
  /** pointer, typedef, qualifier, variable: something that refers to another type. */
  | {
      readonly kind: 'pointer' | 'typedef' | 'const' | 'volatile' | 'restrict' | 'variable' | 'tag';
      readonly name: string;
      readonly type: number;
    }
  | { readonly kind: 'function' | 'prototype' | 'forward' | 'float'; readonly name: string };

const MAGIC = 0xeb9f;

export class Btf {
  readonly types: readonly BtfType[];

  private constructor(types: readonly BtfType[]) {
    this.types = types;
  }

  type(id: number): BtfType {
    const type = this.types[id];
    if (type === undefined) throw new RangeError(`BTF has no type ${id}`);
    return type;
  }

  /** Through typedefs and qualifiers. */
  resolve(id: number): BtfType {
    const type = this.type(id);
    return type.kind === 'typedef' || type.kind === 'const' || type.kind === 'volatile' || type.kind === 'tag'
      ? this.resolve(type.type)
      : type;
  }

  size(id: number): number {
    const type = this.resolve(id);
    switch (type.kind) {
      case 'int':
      case 'struct':
      case 'union':
      case 'enum':
        return type.size;
      case 'pointer':
        return 8;
      case 'array':
        return type.length * this.size(type.type);
      default:
        throw new TypeError(`a ${type.kind} has no size`);
    }
  }

  /** Id of the named struct or union. */
  find(name: string): number | undefined {
    const index = this.types.findIndex((t) => (t.kind === 'struct' || t.kind === 'union') && t.name === name);
    return index < 0 ? undefined : index;
  }

  /** What is said of a member, or of the type itself, in the order of the source. */
  tags(id: number, member?: number): string[] {
    return this.types.flatMap((t) => (t.kind === 'declTag' && t.type === id && t.member === member ? [t.name] : []));
  }

  /** Parses the data of a `.BTF` section. Throws TypeError. */
  static parse(bytes: Uint8Array): Btf {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint16(0, true) !== MAGIC) throw new TypeError('not BTF');
    const header = view.getUint32(4, true);
    const end = header + view.getUint32(8, true) + view.getUint32(12, true);
    const strings = bytes.subarray(header + view.getUint32(16, true));
    const name = (offset: number): string =>
      Buffer.from(strings.subarray(offset, strings.indexOf(0, offset))).toString();
    const types: BtfType[] = [{ kind: 'void' }];
    let at = header + view.getUint32(8, true);
    const u32 = (): number => {
      at += 4;
      return view.getUint32(at - 4, true);
    };
    const repeat = <T>(count: number, read: () => T): T[] => Array.from({ length: count }, read);
    while (at < end) {
      const typeName = name(u32());
      const info = u32();
      const sizeOrType = u32();
      const count = info & 0xffff;
      const bitfields = info >>> 31 === 1;
      switch ((info >>> 24) & 31) {
        case 1: {
          const encoding = u32();
          types.push({ kind: 'int', name: typeName, size: sizeOrType, signed: ((encoding >>> 24) & 1) === 1 });
          break;
        }
        case 3: {
          const [type, , length] = [u32(), u32(), u32()];
          types.push({ kind: 'array', type, length });
          break;
        }
        case 4:
        case 5: {
          const kind = ((info >>> 24) & 31) === 4 ? 'struct' : 'union';
          const members = repeat(count, () => {
            const [memberName, type, offset] = [name(u32()), u32(), u32()];
            return { name: memberName, type, offset: (bitfields ? offset & 0xff_ffff : offset) / 8 };
          });
          types.push({ kind, name: typeName, size: sizeOrType, members });
          break;
        }
        case 6:
          types.push({
            kind: 'enum',
            name: typeName,
            size: sizeOrType,
            values: new Map(repeat(count, () => [name(u32()), u32()] as const)),
          });
          break;
        case 19:
          types.push({
            kind: 'enum',
            name: typeName,
            size: sizeOrType,
            values: new Map(repeat(count, () => [name(u32()), u32() + u32() * 2 ** 32] as const)),
          });
          break;
        case 13:
          repeat(count * 2, u32);
          types.push({ kind: 'prototype', name: typeName });
          break;
        case 14:
          u32();
          types.push({ kind: 'variable', name: typeName, type: sizeOrType });
          break;
        case 15:
          types.push({
            kind: 'datasec',
            name: typeName,
            variables: repeat(count, () => {
              const [variable] = [u32(), u32(), u32()];
              return variable;
            }),
          });
          break;
        case 17:
          types.push({ kind: 'declTag', name: typeName, type: sizeOrType, member: memberOf(u32()) });
          break;
        case 2:
          types.push({ kind: 'pointer', name: typeName, type: sizeOrType });
          break;
        case 8:
          types.push({ kind: 'typedef', name: typeName, type: sizeOrType });
          break;
        case 9:
          types.push({ kind: 'volatile', name: typeName, type: sizeOrType });
          break;
        case 10:
          types.push({ kind: 'const', name: typeName, type: sizeOrType });
          break;
        case 11:
          types.push({ kind: 'restrict', name: typeName, type: sizeOrType });
          break;
        case 18:
          types.push({ kind: 'tag', name: typeName, type: sizeOrType });
          break;
        case 12:
          types.push({ kind: 'function', name: typeName });
          break;
        case 7:
          types.push({ kind: 'forward', name: typeName });
          break;
        case 16:
          types.push({ kind: 'float', name: typeName });
          break;
        default:
          throw new TypeError(`BTF kind ${(info >>> 24) & 31} is unknown`);
      }
    }
    return new Btf(types);
  }
}

/** The component of a declaration tag. */
function memberOf(component: number): number | undefined {
  return component === 0xffff_ffff ? undefined : component;
}
