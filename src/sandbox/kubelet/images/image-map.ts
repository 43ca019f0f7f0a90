import { parse } from 'yaml';
import { z } from 'zod';
import { sandboxErrors } from '../../errors.ts';
import type { ImageTable } from './image-table.ts';

const words = z.array(z.union([z.string(), z.number(), z.boolean()]).transform(String));
/** A list is a whole command; `args` of a container take the place of what is behind its first word. */
const rowSchema = z.union([
  words.min(1).transform(([program = '', ...args]) => ({ entrypoint: [program], args })),
  z.strictObject({
    entrypoint: words.default([]),
    args: words.default([]),
    workingDir: z.string().optional(),
    env: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).default({}),
  }),
]);
const mapSchema = z.record(z.string().min(1), rowSchema);

/**
 * The user's own table: a YAML map of image patterns to commands.
 *
 *   shop/web: [node, /srv/web.js]
 *   "registry.example/team/*:1.*": { entrypoint: [java, -jar, /srv/app.jar], args: [--port, "8080"], env: { A: b } }
 *
 * Throws E_SANDBOX_IMAGE_MAP.
 */
export function parseImageMap(text: string, source: string): ImageTable {
  try {
    const rows = mapSchema.parse(parse(text) ?? {});
    return Object.entries(rows).map(([pattern, row]) => ({ pattern, env: {}, ...row }));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll(/\s*\n\s*/g, ' ') : String(cause);
    throw sandboxErrors.make('E_SANDBOX_IMAGE_MAP', { detail: `${source}: ${why.slice(0, 500)}`, cause });
  }
}
