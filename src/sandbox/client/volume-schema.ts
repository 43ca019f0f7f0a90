import { z } from 'zod';
import { fieldRefSchema, resourceRefSchema } from './env-schema.ts';

const noNul = z.string().refine((s) => !s.includes('\0'), 'holds a NUL byte');
const mode = z.int().min(0).max(0o777);
const quantity = z.union([z.string(), z.number()]).transform(String);

const itemsSchema = z.array(z.object({ key: z.string(), path: noNul, mode: mode.optional() })).default([]);
const downwardItems = z
  .array(
    z.object({
      path: noNul,
      mode: mode.optional(),
      fieldRef: fieldRefSchema.optional(),
      resourceFieldRef: resourceRefSchema.optional(),
    }),
  )
  .default([]);

const keyedSource = { items: itemsSchema, optional: z.boolean().default(false) };
const DEFAULT_MODE = 0o644;

const projectionSchema = z.object({
  configMap: z.object({ name: z.string().default(''), ...keyedSource }).optional(),
  secret: z.object({ name: z.string().default(''), ...keyedSource }).optional(),
  downwardAPI: z.object({ items: downwardItems }).optional(),
  serviceAccountToken: z
    .object({ path: noNul, audience: z.string().default(''), expirationSeconds: z.number().default(3600) })
    .optional(),
  clusterTrustBundle: z.unknown().optional(),
});

/** Sources that the sandbox serves; any other is known by its name only. */
export const volumeSchema = z.looseObject({
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  emptyDir: z.object({ medium: z.string().default(''), sizeLimit: quantity.optional() }).optional(),
  configMap: z
    .object({ name: z.string().default(''), ...keyedSource, defaultMode: mode.default(DEFAULT_MODE) })
    .optional(),
  secret: z
    .object({ secretName: z.string().default(''), ...keyedSource, defaultMode: mode.default(DEFAULT_MODE) })
    .optional(),
  downwardAPI: z.object({ items: downwardItems, defaultMode: mode.default(DEFAULT_MODE) }).optional(),
  projected: z
    .object({ sources: z.array(projectionSchema).default([]), defaultMode: mode.default(DEFAULT_MODE) })
    .optional(),
  hostPath: z.object({ path: noNul, type: z.string().default('') }).optional(),
  persistentVolumeClaim: z.object({ claimName: z.string(), readOnly: z.boolean().default(false) }).optional(),
});

export const volumeMountSchema = z.object({
  name: z.string(),
  mountPath: noNul.min(1),
  subPath: noNul.default(''),
  subPathExpr: noNul.default(''),
  readOnly: z.boolean().default(false),
});

export type Volume = z.infer<typeof volumeSchema>;
export type VolumeMount = z.infer<typeof volumeMountSchema>;
export type Projection = z.infer<typeof projectionSchema>;
