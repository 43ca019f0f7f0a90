import { createReadStream } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { errorMessage } from './errors.ts';

/** What a person writes is smaller; what is not ends here and not in memory. */
const MAX_BYTES = 16 << 20;

/** The error of whoever reads, which knows what for. */
export type Refuse = (detail: string, cause?: unknown) => Error;

/** The text of a file, also of one without an end or a size. Throws what `refuse` makes. */
export async function readYamlFile(path: string, refuse: Refuse): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > MAX_BYTES) break;
      parts.push(part);
    }
  } catch (cause) {
    throw refuse(errorMessage(cause), cause);
  }
  if (size > MAX_BYTES) throw tooLarge(refuse);
  return Buffer.concat(parts).toString('utf8');
}

/** What the documents of a YAML or JSON text say, without empty ones. Throws what `refuse` makes. */
export function yamlDocuments(text: string, refuse: Refuse): unknown[] {
  if (Buffer.byteLength(text) > MAX_BYTES) throw tooLarge(refuse);
  const documents = parseAllDocuments(text, { uniqueKeys: true });
  return Array.from(documents, (document) => {
    const [error] = document.errors;
    if (error !== undefined) throw refuse(error.message.split('\n')[0] ?? 'not YAML');
    try {
      // An alias may stand for a document that is a hundred times as large, and no larger.
      return document.toJS({ maxAliasCount: 100 }) as unknown;
    } catch (cause) {
      throw refuse(errorMessage(cause), cause);
    }
  }).filter((value) => value !== null && value !== undefined);
}

function tooLarge(refuse: Refuse): Error {
  return refuse(`larger than ${MAX_BYTES} bytes`);
}
