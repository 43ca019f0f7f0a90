/** An error as every endpoint answers it, and as a stream says it before it ends. */
export type Problem = { readonly code: string; readonly message: string; readonly remedy: string };
