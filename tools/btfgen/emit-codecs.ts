import type { Field, Layout, Struct } from './layout.ts';
import { camel, docComment, GENERATED, pascal, upper } from './names.ts';

/** How one C field appears in TypeScript. `read` and `write` are expressions over `view` and an offset. */
type Form = {
  readonly type: string;
  readonly read: (at: string) => string;
  readonly write: (at: string, value: string) => string;
  /** The value that all-zero bytes stand for. */
  readonly zero: string;
  readonly imports: readonly string[];
};

const BRANDS: readonly [RegExp, string][] = [
  [/^(identity|\w+_identity|peer)$/, 'IdentityId'],
  [/^(endpoint|\w+_endpoint)$/, 'EndpointId'],
  [/^(ifindex|\w+_ifindex)$/, 'Ifindex'],
  [/^revision$/, 'PolicyRevision'],
  [/^rule$/, 'RuleId'],
  [/^table$/, 'PolicyTableId'],
];

export function isPad(field: Field): boolean {
  return /^pad\d*$/.test(field.name);
}

/** Null stands for zero where a zero address cannot be meant. */
function isNullable(struct: Struct, field: Field): boolean {
  return struct.name === 'config' || /\bzero: none\b/.test(field.doc);
}

function helper(type: string, suffix: string): Form {
  return {
    type,
    read: (at) => `read${suffix}(view, ${at})`,
    write: (at, value) => `write${suffix}(view, ${at}, ${value})`,
    zero: type.endsWith('null') ? 'null' : "'::' as Addr",
    imports: [`read${suffix}`, `write${suffix}`],
  };
}

function numberForm(bits: number, bigEndian: boolean, type: string): Form {
  const endian = bits === 8 || bigEndian ? '' : ', true';
  const cast = type === 'number' ? '' : ` as ${type}`;
  return {
    type,
    read: (at) => `view.getUint${bits}(${at}${endian})${cast}`,
    write: (at, value) => `view.setUint${bits}(${at}, ${value}${endian})`,
    zero: `0${cast}`,
    imports: type === 'number' ? [] : [type],
  };
}

function formOf(struct: Struct, field: Field, layout: Layout): Form {
  if (field.type === 'union addr') {
    return isNullable(struct, field) ? helper('Addr | null', 'AddrOrNull') : helper('Addr', 'Addr');
  }
  if (field.type.startsWith('struct ')) {
    const name = pascal(field.type.slice('struct '.length));
    const [read, write] = [`decode${name}`, `write${name}`];
    return {
      type: name,
      read: (at) => `${read}(view, ${at})`,
      write: (at, value) => `${write}(view, ${at}, ${value})`,
      // No configuration has one.
      zero: 'undefined',
      imports: [],
    };
  }
  if (field.type === '__be32' && field.name.endsWith('ipv4')) return helper('Addr | null', 'Ipv4OrNull');
  if (field.type === '__u8' && field.length === 6) return helper('Mac | null', 'MacOrNull');
  if (field.size === 8 && (field.name === 'timestamp' || field.name === 'node_cookie')) {
    return {
      // A number, not a bigint: the first is on the hot path, and nanoseconds stay exact for 104 days of uptime; the
      // other counts from 1, and JSON has no bigint.
      type: 'number',
      read: (at) => `view.getUint32(${at} + 4, true) * 4294967296 + view.getUint32(${at}, true)`,
      write: (at, value) => `view.setBigUint64(${at}, BigInt(${value}), true)`,
      zero: '0',
      imports: [],
    };
  }
  if (field.size === 8) {
    return {
      type: 'bigint',
      read: (at) => `view.getBigUint64(${at}, true)`,
      write: (at, value) => `view.setBigUint64(${at}, ${value}, true)`,
      zero: '0n',
      imports: [],
    };
  }
  if (/^(enable|is)_/.test(field.name) && field.size === 1) {
    return {
      type: 'boolean',
      read: (at) => `view.getUint8(${at}) !== 0`,
      write: (at, value) => `view.setUint8(${at}, ${value} ? 1 : 0)`,
      zero: 'false',
      imports: [],
    };
  }
  const enumeration = layout.enums.find(
    (e) => field.name !== 'flags' && new RegExp(`^enum ${e.name}\\b`).test(field.doc) && field.length === undefined,
  );
  // Zero is no member of some enums; such a field has no zero value and its struct no zero constant.
  if (enumeration !== undefined) {
    const [type, table] = [pascal(enumeration.name), upper(enumeration.name)];
    return {
      type,
      read: (at) => `enumName(${table}_NAMES, view.getUint${field.size * 8}(${at}${field.size === 1 ? '' : ', true'}))`,
      write: (at, value) =>
        `view.setUint${field.size * 8}(${at}, ${table}[${value}]${field.size === 1 ? '' : ', true'})`,
      zero: 'undefined',
      imports: [type, table, `${table}_NAMES`, 'enumName'],
    };
  }
  // The revision of a backend set is no policy's.
  const brands = struct.name.startsWith('service_') ? [] : BRANDS;
  const brand = brands.find(([pattern]) => pattern.test(field.name))?.[1] ?? 'number';
  return numberForm(field.size * 8, field.type.startsWith('__be'), brand);
}

type Emitted = { readonly code: string; readonly imports: readonly string[] };

function emitStruct(struct: Struct, layout: Layout): Emitted {
  const name = pascal(struct.name);
  const fields = struct.fields
    .filter((f) => !isPad(f))
    .map((field) => ({ field, form: formOf(struct, field, layout) }));
  const arrays = (field: Field): number => (field.length === undefined || field.type === '__u8' ? 0 : field.length);
  const at = (field: Field, index: number): string => {
    const offset = field.offset + index * field.size;
    return offset === 0 ? 'offset' : `offset + ${offset}`;
  };
  const type = (field: Field, form: Form): string =>
    arrays(field) > 0 ? `readonly [${Array(arrays(field)).fill(form.type).join(', ')}]` : form.type;
  const read = (field: Field, form: Form): string =>
    arrays(field) > 0
      ? `[${Array.from({ length: arrays(field) }, (_, i) => form.read(at(field, i))).join(', ')}]`
      : form.read(at(field, 0));
  const writes = (field: Field, form: Form): string[] =>
    arrays(field) > 0
      ? Array.from({ length: arrays(field) }, (_, i) => form.write(at(field, i), `value.${camel(field.name)}[${i}]`))
      : [form.write(at(field, 0), `value.${camel(field.name)}`)];
  const lines = [
    `${docComment(struct.doc)}export type ${name} = {`,
    ...fields.map(
      ({ field, form }) => `${docComment(field.doc, '  ')}  readonly ${camel(field.name)}: ${type(field, form)};`,
    ),
    '};',
    '',
    `export const ${upper(struct.name)}_SIZE = ${struct.size};`,
    '',
    `export function decode${name}(view: DataView, offset = 0): ${name} {`,
    '  return {',
    ...fields.map(({ field, form }) => `    ${camel(field.name)}: ${read(field, form)},`),
    '  };',
    '}',
    '',
    '/** The bytes at `offset` must be zero. */',
    `export function write${name}(view: DataView, offset: number, value: ${name}): void {`,
    ...fields.flatMap(({ field, form }) => writes(field, form).map((line) => `  ${line};`)),
    '}',
    '',
    `export function encode${name}(value: ${name}): Uint8Array {`,
    `  const bytes = new Uint8Array(${struct.size});`,
    `  write${name}(new DataView(bytes.buffer), 0, value);`,
    '  return bytes;',
    '}',
    '',
    `export const ${camel(struct.name)}Codec: Codec<${name}> = {`,
    `  size: ${struct.size},`,
    `  write: write${name},`,
    `  decode: decode${name},`,
    '};',
  ];
  if (struct.name === 'config') {
    lines.push(
      '',
      '/** Everything off, nothing known. */',
      'export const ZERO_CONFIG: Config = {',
      ...fields.map(({ field, form }) => `  ${camel(field.name)}: ${form.zero},`),
      '};',
      '',
      '/** What each field means, by name. */',
      'export const CONFIG_DOCS: Readonly<Record<keyof Config, string>> = {',
      ...fields.map(({ field }) => `  ${camel(field.name)}: ${JSON.stringify(field.doc)},`),
      '};',
    );
  }
  return {
    code: `\n${lines.join('\n')}\n`,
    imports: fields.flatMap(({ form, field }) =>
      field.type.startsWith('struct ') ? [] : [...form.imports, ...form.type.split(' | ')],
    ),
  };
}

const FROM = {
  '../../model/index.ts': /^(IdentityId|EndpointId|Ifindex|PolicyRevision|PolicyTableId|RuleId)$/,
  '../../net/index.ts': /^(Addr|Mac)$/,
  '../kernel/codec.ts': /^(enumName|(read|write)[A-Z]\w+)$/,
};

export function emitCodecs(structs: readonly Struct[], layout: Layout): string {
  const emitted = structs.map((struct) => emitStruct(struct, layout));
  const used = new Set(
    emitted.flatMap((e) => e.imports).filter((name) => !/^(number|bigint|boolean|null)$/.test(name)),
  );
  const lines = Object.entries(FROM).flatMap(([path, pattern]) => {
    const names = [...used].filter((name) => pattern.test(name)).toSorted();
    for (const name of names) used.delete(name);
    const kind = path.startsWith('../kernel/codec') ? '' : 'type ';
    if (path === '../kernel/codec.ts') names.unshift('type Codec');
    return names.length === 0 ? [] : [`import ${kind}{ ${names.join(', ')} } from '${path}';`];
  });
  const enums = [...used].toSorted().map((name) => (/^[A-Z][a-z]/.test(name) ? `type ${name}` : name));
  if (enums.length > 0) lines.push(`import { ${enums.join(', ')} } from '../../model/gen/enums.ts';`);
  return `${GENERATED}${lines.join('\n')}\n${emitted.map((e) => e.code).join('')}`;
}
