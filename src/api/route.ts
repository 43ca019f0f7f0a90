import type { z } from 'zod';

/**
 * The header in which an agent says by which schemas it answers. One that has the client's is held to them by the compiler
 * already; to load what reads schemas would be most of what `membrane status` costs.
 */
export const SCHEMAS_HEADER = 'membrane-schemas';

/** Where a question is asked, and how it is answered: all that a client needs to know before an answer comes. */
export type Place = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly kind: 'one' | 'maybe' | 'stream';
};

/**
 * One question to the agent, said once: the server answers it, the client asks it, and the agent's part is typed by it.
 *
 * - `one`: there is always an answer.
 * - `maybe`: there may be no such thing; `looksFor` names it for the error.
 * - `stream`: JSON lines of `answer`, until all is told or the reader goes away.
 *
 * What a `GET` is asked for goes in its query, of a `POST` in its body.
 */
export type Route = Place & {
  readonly params: z.ZodType | undefined;
  readonly answer: z.ZodType;
  readonly looksFor?: (params: never) => string;
};

type Params<R extends Route> = NonNullable<R['params']>;

/** What the agent does for a route. An `undefined` for a `maybe` becomes an error that says so. */
export type Handler<R extends Route> = (
  ...args: [
    ...(R['params'] extends z.ZodType ? [params: z.output<Params<R>>] : []),
    ...(R['kind'] extends 'stream' ? [ending: AbortSignal] : []),
  ]
) => R['kind'] extends 'stream'
  ? AsyncIterable<readonly Readable<z.output<R['answer']>>[]>
  : Promise<Readable<z.output<R['answer']>> | (R['kind'] extends 'maybe' ? undefined : never)>;

/** What a client calls for a route. What may be asked without a word needs none. */
export type Call<R extends Route> = (
  ...args: [
    ...(R['params'] extends z.ZodType
      ? Partial<z.input<Params<R>>> extends z.input<Params<R>>
        ? [params?: Readable<z.input<Params<R>>>]
        : [params: Readable<z.input<Params<R>>>]
      : []),
    ...(R['kind'] extends 'stream' ? [ending?: AbortSignal] : []),
  ]
) => R['kind'] extends 'stream' ? AsyncGenerator<z.output<R['answer']>> : Promise<z.output<R['answer']>>;

/** Whoever answers may give what he goes on using. */
export type Readable<T> = T extends readonly unknown[] | object ? { readonly [K in keyof T]: Readable<T[K]> } : T;
