import { z } from 'zod';

/** An error as every endpoint answers it, and as a stream says it before it ends. */
export const problemSchema = z.object({ code: z.string(), message: z.string(), remedy: z.string() });
export type Problem = z.infer<typeof problemSchema>;
