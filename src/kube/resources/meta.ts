import { z } from 'zod';
import { repeatedText } from './repeated-text.ts';

/** Servers leave empty maps out or send null. */
export const labelMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((labels): Readonly<Record<string, string>> => labels ?? {});

export const metadata = z.object({
  uid: z.string().default(''),
  namespace: z.string().default('').transform(repeatedText),
  name: z.string().min(1),
  resourceVersion: z.string().optional(),
  labels: labelMap,
  deletionTimestamp: z.string().nullish(),
});

/** A list that may be absent or null, as Go encodes an empty one. */
export function listOf<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .nullish()
    .transform((items): readonly z.output<T>[] => items ?? []);
}

const NOTHING: readonly never[] = [];

/** For rows of which there are many: a list that was built bit by bit has room for sixteen more. */
export function exact<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? NOTHING : list.slice();
}
