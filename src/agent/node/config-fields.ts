import { z } from 'zod';
import { Prefix } from '../../net/index.ts';

/** Kinds of values that several keys of the configuration have. */

/** Rows of a map. */
export const entries = z.int().min(16).max(16_777_216);
export const ifname = z.string().regex(/^[^\s/:]{1,15}$/, 'must be an interface name');
export const cidr = z.string().transform((text, ctx) => {
  try {
    return Prefix.parse(text);
  } catch (error) {
    ctx.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
});

export const objectName = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'must be the name of an object');

export const portRange = z
  .string()
  .regex(/^\d{1,5}(-\d{1,5})?$/, 'must be like 30000-32767')
  .transform((text) => text.split('-').map(Number))
  .refine(([min = 0, max = min]) => min >= 1 && max <= 65_535 && min <= max, 'must be ports, the smaller first')
  .transform(([min = 0, max = min]) => ({ min, max }));
