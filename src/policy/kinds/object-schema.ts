import { z } from 'zod';
import type { PolicyObject } from '../../model/index.ts';
import type { KindNames } from './kind.ts';

const KNOWN = new Set(['apiVersion', 'kind', 'status']);

/**
 * Of a policy nothing but its name is asked for: one that is refused here would isolate nobody. Metadata say nothing
 * that policy needs.
 */
export function objectSchema({ kind, namespaced }: KindNames): z.ZodType<PolicyObject> {
  return z
    .looseObject({
      metadata: z.looseObject({
        uid: z.string().catch(''),
        namespace: namespaced ? z.string().default('') : z.unknown().transform(() => ''),
        name: z.string().min(1),
      }),
      spec: z.unknown().optional(),
    })
    .transform(({ metadata: { uid, namespace, name }, spec, ...rest }): PolicyObject => {
      const unknownFields = Object.keys(rest).filter((key) => !KNOWN.has(key) && rest[key] !== null);
      return { kind, uid, namespace, name, spec, unknownFields };
    });
}
