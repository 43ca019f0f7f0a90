import { z } from 'zod';
import { MIRROR_LABEL, type PolicyObject, STAGE_ANNOTATION } from '../../model/index.ts';
import type { KindNames } from './kind.ts';
import { textIn } from './stage.ts';

const KNOWN = new Set(['apiVersion', 'kind', 'status']);

/**
 * Of a policy nothing but its name is asked for: one that is refused here would isolate nobody. Of its metadata policy needs
 * one annotation and one label.
 */
export function objectSchema({ kind, namespaced }: KindNames): z.ZodType<PolicyObject> {
  return z
    .looseObject({
      metadata: z.looseObject({
        uid: z.string().catch(''),
        namespace: namespaced ? z.string().default('') : z.unknown().transform(() => ''),
        name: z.string().min(1),
        annotations: z.unknown().optional(),
        labels: z.unknown().optional(),
      }),
      spec: z.unknown().optional(),
    })
    .transform(({ metadata: { uid, namespace, name, annotations, labels }, spec, ...rest }): PolicyObject => {
      const unknownFields = Object.keys(rest).filter((key) => !KNOWN.has(key) && rest[key] !== null);
      const [stage, mirror] = [textIn(annotations, STAGE_ANNOTATION), textIn(labels, MIRROR_LABEL)];
      return {
        kind,
        uid,
        namespace,
        name,
        spec,
        unknownFields,
        ...(stage === undefined ? {} : { stage }),
        ...(mirror === undefined ? {} : { mirror }),
      };
    });
}
