import { docOf, type Form, formOf, isPad } from './form.ts';
import type { Field, Layout, Struct } from './layout.ts';
import { camel, docComment, GENERATED, pascal, upper } from './names.ts';

type Emitted = { readonly code: string; readonly imports: readonly string[] };

function emitStruct(struct: Struct, layout: Layout): Emitted {
  const name = pascal(struct.name);
  const fields = struct.fields
    .filter((f) => !isPad(f))
    .map((field) => ({ field, form: formOf(field, layout), doc: docOf(field, layout) }));
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
      ({ field, form, doc }) => `${docComment(doc, '  ')}  readonly ${camel(field.name)}: ${type(field, form)};`,
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
    `export function encode${name}(value: ${name}): Uint8Array<ArrayBuffer> {`,
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
  if (struct.name === 'event') {
    lines.push(
      '',
      '/** Where each field stands: of most records nobody asks for all of them. */',
      'export const EVENT_OFFSETS = {',
      ...fields.map(({ field }) => `  ${camel(field.name)}: ${field.offset},`),
      '} as const;',
    );
  }
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
      ...fields.map(({ field, doc }) => `  ${camel(field.name)}: ${JSON.stringify(doc)},`),
      '};',
    );
  }
  return {
    code: `\n${lines.join('\n')}\n`,
    imports: fields.flatMap(({ form }) => form.imports),
  };
}

const FROM = {
  '../../model/index.ts': /^(IdentityId|EndpointId|Ifindex|PolicyRevision|PolicyTableId|RuleId)$/,
  '../../net/index.ts': /^(Addr|Mac)$/,
  '../kernel/codec.ts': /^(enumName|(read|write)[A-Z]\w+)$/,
};

export function emitCodecs(structs: readonly Struct[], layout: Layout): string {
  const emitted = structs.map((struct) => emitStruct(struct, layout));
  const used = new Set(emitted.flatMap((e) => e.imports));
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
