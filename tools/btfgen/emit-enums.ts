import { isBits } from './form.ts';
import type { Enum, Layout } from './layout.ts';
import { docComment, GENERATED, pascal, upper } from './names.ts';

/** `POLICY_EGRESS` -> `policy-egress`: what users read and what JSON carries. */
function text(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/** The members without their common prefix; `*_COUNT` is a bound, not a member. */
export function enumMembers(type: Enum): { name: string; value: number }[] {
  const all = [...type.values].filter(([name]) => !name.endsWith('_COUNT'));
  const first = all[0]?.[0] ?? '';
  const prefixes = [...first.matchAll(/_/g)].map((m) => first.slice(0, m.index + 1)).toReversed();
  const prefix = prefixes.find((p) => all.every(([name]) => name.startsWith(p))) ?? '';
  return all.map(([name, value]) => ({ name: text(name.slice(prefix.length)), value }));
}

export function emitEnums({ enums, structs }: Layout): string {
  const read = new Set(structs.flatMap((s) => s.fields.flatMap((f) => f.tags)));
  return GENERATED + enums.map((type) => emitEnum(type, read.has(`enum ${type.name}`) && !isBits(type))).join('');
}

/** `isRead`: codecs turn numbers of it into names. */
function emitEnum(type: Enum, isRead: boolean): string {
  const members = enumMembers(type);
  const constant = upper(type.name);
  const name = pascal(type.name);
  const key = (member: string): string => (/^[a-z]\w*$/.test(member) ? member : `'${member}'`);
  const top = Math.max(...members.map((m) => m.value));
  const names = Array.from({ length: top + 1 }, (_, i) => members.find((m) => m.value === i)?.name);
  return [
    `\n${docComment(type.doc)}export const ${constant} = {`,
    ...members.map((m) => `  ${key(m.name)}: ${m.value},`),
    '} as const;',
    `export type ${name} = keyof typeof ${constant};`,
    ...(isRead
      ? [
          `/** By number; a hole is undefined. */`,
          `export const ${constant}_NAMES: readonly (${name} | undefined)[] = [`,
          ...names.map((n) => `  ${n === undefined ? 'undefined' : `'${n}'`},`),
          '];',
        ]
      : []),
    '',
  ].join('\n');
}
