import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The header in which an agent says by which schemas it answers. */
export const SCHEMAS_HEADER = 'membrane-schemas';

const VIEWS = join(import.meta.dirname, 'views');

let known: string | undefined;

/**
 * The schemas of answers in one word, the same where their text is. An agent that has the client's is held to them by the
 * compiler already; to load what reads schemas would be most of what `membrane status` costs.
 */
export function schemasId(): string {
  known ??= readdirSync(VIEWS)
    .sort()
    .reduce((hash, name) => hash.update(readFileSync(join(VIEWS, name))), createHash('sha256'))
    .digest('base64url');
  return known;
}
