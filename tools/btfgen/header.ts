import { readFileSync } from 'node:fs';

/** What BTF does not keep of a header: names in order, comments, macros, assertions. */
export type Header = {
  readonly records: readonly {
    readonly kind: 'struct' | 'union' | 'enum';
    readonly name: string;
    readonly doc: string;
  }[];
  /** `record.field` -> the comment behind the field. */
  readonly fieldDocs: ReadonlyMap<string, string>;
  /** Macros without parameters: each is a number, which the compiler knows. */
  readonly numbers: readonly string[];
  /** Structs whose size is asserted. */
  readonly asserted: ReadonlySet<string>;
};

function plain(comment: string): string {
  return comment
    .replace(/^\/\*|\*\/$/g, '')
    .replace(/\n\s*\*/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

export function parseHeader(text: string): Header {
  const records: { kind: 'struct' | 'union' | 'enum'; name: string; doc: string }[] = [];
  const fieldDocs = new Map<string, string>();
  const record = /(?:(\/\*(?:[^*]|\*(?!\/))*\*\/)\n)?^(struct|union|enum) (\w+) \{\n(.*?)^\}/gms;
  for (const [, comment, kind, name, body] of text.matchAll(record)) {
    if (name === undefined || body === undefined) continue;
    records.push({ kind: kind as 'struct' | 'union' | 'enum', name, doc: comment === undefined ? '' : plain(comment) });
    for (const [, field, doc] of body.matchAll(
      /(\w+)(?:\[\w+\])?(?:\s*__tag\([\w ]+\))*(?:\s*=\s*\w+)?[;,]\s*(\/\*.*?\*\/)/gs,
    )) {
      if (field !== undefined && doc !== undefined) fieldDocs.set(`${name}.${field}`, plain(doc));
    }
  }
  const numbers = [...text.matchAll(/^#define (\w+) /gm)].map(([, name = '']) => name);
  const asserted = new Set(
    [...text.matchAll(/^_Static_assert\(sizeof\(struct (\w+)\) == \d+,/gm)].map(([, name = '']) => name),
  );
  return { records, fieldDocs, numbers, asserted };
}

export function readHeaders(paths: readonly string[]): Header {
  const all = paths.map((path) => parseHeader(readFileSync(path, 'utf8')));
  return {
    records: all.flatMap((h) => h.records),
    fieldDocs: new Map(all.flatMap((h) => [...h.fieldDocs])),
    numbers: all.flatMap((h) => h.numbers),
    asserted: new Set(all.flatMap((h) => [...h.asserted])),
  };
}
