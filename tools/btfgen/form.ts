import { BuildError } from './clang.ts';
import type { Enum, Field, Layout } from './layout.ts';
import { pascal, upper } from './names.ts';

/** How one C field appears in TypeScript. `read` and `write` are expressions over `view` and an offset. */
export type Form = {
  readonly type: string;
  readonly read: (at: string) => string;
  readonly write: (at: string, value: string) => string;
  /** The value that all-zero bytes stand for; `undefined` where no constant of it is made. */
  readonly zero: string;
  readonly imports: readonly string[];
};

/** Numbers of a kind that must not be taken for another's. */
const BRANDS: Readonly<Record<string, string>> = {
  identity: 'IdentityId',
  endpoint: 'EndpointId',
  ifindex: 'Ifindex',
  revision: 'PolicyRevision',
  rule: 'RuleId',
  table: 'PolicyTableId',
};

/** The form of a field's type, made more of by what its `__tag` says. Throws BuildError for a tag that does not fit. */
export function formOf(field: Field, layout: Layout): Form {
  const [tag, ...others] = field.tags.filter((t) => !t.startsWith('by enum '));
  const misfit = (): BuildError => new BuildError(`field ${field.name}: __tag(${tag}) does not fit ${field.type}`);
  if (others.length > 0)
    throw new BuildError(`field ${field.name} has two tags for one value: ${tag}, ${others.join(', ')}`);
  if (field.type === 'union addr') {
    if (tag === undefined) return helper('Addr', 'Addr');
    if (tag === 'none') return helper('Addr | null', 'AddrOrNull');
    throw misfit();
  }
  if (field.type.startsWith('struct ')) {
    if (tag !== undefined) throw misfit();
    return structForm(pascal(field.type.slice('struct '.length)));
  }
  if (tag === undefined) return field.size === 8 ? BIGINT : numberForm(field, 'number');
  const brand = BRANDS[tag];
  if (brand !== undefined && field.size < 8) return numberForm(field, brand);
  if (tag === 'ip' && field.type === '__be32') return helper('Addr | null', 'Ipv4OrNull');
  if (tag === 'mac' && field.type === '__u8' && field.length === 6) return helper('Mac | null', 'MacOrNull');
  if (tag === 'number' && field.size === 8) return NUMBER_64;
  if (tag === 'bool' && field.type === '__u8') return BOOLEAN;
  if (!tag.startsWith('enum ') || field.size === 8) throw misfit();
  const enumeration = enumOf(tag, field, layout);
  return isBits(enumeration) ? numberForm(field, 'number') : enumForm(field, enumeration);
}

/** What is said of a field: its comment, and what its tags say that its type in TypeScript does not. */
export function docOf(field: Field, layout: Layout): string {
  const index = field.tags.find((t) => t.startsWith('by enum '));
  const value = field.tags.find((t) => t.startsWith('enum '));
  const bits = value === undefined ? undefined : enumOf(value, field, layout);
  return [
    ...(index === undefined ? [] : [`by ${enumOf(index.slice('by '.length), field, layout).name}`]),
    ...(bits !== undefined && isBits(bits) ? [`bits of ${upper(bits.name)}`] : []),
    ...(field.doc === '' ? [] : [field.doc]),
  ].join('; ');
}

export function isPad(field: Field): boolean {
  return /^pad\d*$/.test(field.name);
}

/** Of its members any number may hold at once. */
export function isBits(type: Enum): boolean {
  return type.name.endsWith('_flag');
}

function enumOf(tag: string, field: Field, layout: Layout): Enum {
  const found = layout.enums.find((e) => `enum ${e.name}` === tag);
  if (found === undefined) throw new BuildError(`field ${field.name}: __tag(${tag}) names no shared enum`);
  return found;
}

function helper(type: string, suffix: string): Form {
  return {
    type,
    read: (at) => `read${suffix}(view, ${at})`,
    write: (at, value) => `write${suffix}(view, ${at}, ${value})`,
    zero: type.endsWith('null') ? 'null' : "'::' as Addr",
    imports: [`read${suffix}`, `write${suffix}`, ...type.split(' | ').filter((t) => t !== 'null')],
  };
}

function structForm(name: string): Form {
  return {
    type: name,
    read: (at) => `decode${name}(view, ${at})`,
    write: (at, value) => `write${name}(view, ${at}, ${value})`,
    zero: 'undefined',
    imports: [],
  };
}

/** `, true` for what the kernel keeps in its own order. */
function endian(field: Field): string {
  return field.size === 1 || field.type.startsWith('__be') ? '' : ', true';
}

function numberForm(field: Field, type: string): Form {
  const bits = field.size * 8;
  const cast = type === 'number' ? '' : ` as ${type}`;
  return {
    type,
    read: (at) => `view.getUint${bits}(${at}${endian(field)})${cast}`,
    write: (at, value) => `view.setUint${bits}(${at}, ${value}${endian(field)})`,
    zero: `0${cast}`,
    imports: type === 'number' ? [] : [type],
  };
}

function enumForm(field: Field, enumeration: Enum): Form {
  const bits = field.size * 8;
  const [type, table] = [pascal(enumeration.name), upper(enumeration.name)];
  return {
    type,
    read: (at) => `enumName(${table}_NAMES, view.getUint${bits}(${at}${endian(field)}))`,
    write: (at, value) => `view.setUint${bits}(${at}, ${table}[${value}]${endian(field)})`,
    // Zero is no member of some enums.
    zero: 'undefined',
    imports: [type, table, `${table}_NAMES`, 'enumName'],
  };
}

const BIGINT: Form = {
  type: 'bigint',
  read: (at) => `view.getBigUint64(${at}, true)`,
  write: (at, value) => `view.setBigUint64(${at}, ${value}, true)`,
  zero: '0n',
  imports: [],
};

/** Without a bigint: for what is read on the hot path, or goes into JSON. */
const NUMBER_64: Form = {
  type: 'number',
  read: (at) => `view.getUint32(${at} + 4, true) * 4294967296 + view.getUint32(${at}, true)`,
  write: (at, value) => `view.setBigUint64(${at}, BigInt(${value}), true)`,
  zero: '0',
  imports: [],
};

const BOOLEAN: Form = {
  type: 'boolean',
  read: (at) => `view.getUint8(${at}) !== 0`,
  write: (at, value) => `view.setUint8(${at}, ${value} ? 1 : 0)`,
  zero: 'false',
  imports: [],
};
