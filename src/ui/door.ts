import type { IncomingMessage } from 'node:http';
import type { Reading } from './reading.ts';

/** Who may look, and what he reads. */
export type Door = {
  /** Whoever sends a request. `session`: what its cookie says. E_UI_LOGIN; others of whoever is asked. */
  readonly enter: (request: IncomingMessage, session: string | undefined) => Promise<Reading>;
  /** Undefined: nobody has to say who he is. */
  readonly login:
    | {
        /** A session for who shows the token. E_UI_TOKEN. */
        readonly begin: (token: string) => Promise<{ readonly session: string; readonly who: string }>;
        readonly end: (session: string) => void;
      }
    | undefined;
};
