import type { Handler } from './route.ts';
import type { Routes } from './routes.ts';

/**
 * What the admin server asks of the agent, route by route. The agent implements it; `testkit.ts` is the other implementation.
 * Answers are plain data. A MembraneError that is thrown goes to the client with code, message and remedy. Streams give
 * groups of what is there now, and end early when the signal is aborted.
 */
export type AdminApi = { readonly [Name in keyof Routes]: Handler<Routes[Name]> };
