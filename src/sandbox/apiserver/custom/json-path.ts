import { isObject, type Json } from '../json.ts';

type Step =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'where'; readonly path: readonly string[]; readonly value: string };

const STEP =
  /^(?:\.([A-Za-z_][\w-]*|\*)|\[(\d+)\]|\[(\*)\]|\['((?:[^'\\]|\\.)*)'\]|\[\?\(@\.([\w.-]+)\s*==\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\)\])/;

/** Reads the part of JSONPath that printer columns use; `undefined`: it is another one. */
export function jsonPath(text: string): ((value: Json) => Json | undefined) | undefined {
  const steps: Step[] = [];
  for (let rest = text.replaceAll('\\.', '\u0000'); rest !== ''; ) {
    const found = STEP.exec(rest);
    if (found === null) return undefined;
    steps.push(stepOf(found));
    rest = rest.slice(found[0].length);
  }
  return (value) =>
    steps.reduce<Json[]>((values, step) => values.flatMap((item) => [...follow(item, step)]), [value])[0];
}

function stepOf(found: RegExpExecArray): Step {
  const [, member, index, all, quoted, path, ...values] = found;
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  if (all !== undefined || member === '*') return { kind: 'all' };
  if (path !== undefined) {
    return { kind: 'where', path: path.split('.'), value: values.find((value) => value !== undefined) ?? '' };
  }
  return { kind: 'member', name: (member ?? quoted ?? '').replaceAll('\u0000', '.').replaceAll('\\', '') };
}

function* follow(value: Json, step: Step): Iterable<Json> {
  const members = Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  switch (step.kind) {
    case 'member': {
      const member = isObject(value) && Object.hasOwn(value, step.name) ? value[step.name] : undefined;
      if (member !== undefined) yield member;
      return;
    }
    case 'index': {
      const item = Array.isArray(value) ? value[step.index] : undefined;
      if (item !== undefined) yield item;
      return;
    }
    case 'all':
      for (const member of members) if (member !== undefined) yield member;
      return;
    case 'where':
      for (const member of members) {
        const at = step.path.reduce<Json | undefined>((part, key) => (isObject(part) ? part[key] : undefined), member);
        if (member !== undefined && at !== undefined && JSON.stringify(at).replace(/^"|"$/g, '') === step.value)
          yield member;
      }
  }
}
