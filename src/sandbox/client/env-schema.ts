import { z } from 'zod';

const noNul = z.string().refine((s) => !s.includes('\0'), 'holds a NUL byte');

/** `key` of a ConfigMap or a Secret of the pod's namespace. */
const keySchema = z.object({ name: z.string().default(''), key: z.string(), optional: z.boolean().default(false) });
const sourceSchema = z.object({ name: z.string().default(''), optional: z.boolean().default(false) });

export const fieldRefSchema = z.object({ fieldPath: z.string() });
export const resourceRefSchema = z.object({
  containerName: z.string().default(''),
  resource: z.string(),
  /** A quantity; `0`, as some clients send it, stands for 1. */
  divisor: z.union([z.string(), z.number()]).transform(String).default('1'),
});

export const envSchema = z.object({
  name: noNul.regex(/^[^=]+$/),
  value: noNul.default(''),
  valueFrom: z
    .object({
      configMapKeyRef: keySchema.optional(),
      secretKeyRef: keySchema.optional(),
      fieldRef: fieldRefSchema.optional(),
      resourceFieldRef: resourceRefSchema.optional(),
    })
    .optional(),
});

export const envFromSchema = z.object({
  prefix: noNul.default(''),
  configMapRef: sourceSchema.optional(),
  secretRef: sourceSchema.optional(),
});

/** Quantities, as they are written. */
export const resourcesSchema = z.object({
  limits: z.record(z.string(), z.union([z.string(), z.number()]).transform(String)).default({}),
  requests: z.record(z.string(), z.union([z.string(), z.number()]).transform(String)).default({}),
});

export type EnvVar = z.infer<typeof envSchema>;
export type EnvSource = z.infer<typeof envFromSchema>;
export type ResourceRef = z.infer<typeof resourceRefSchema>;
