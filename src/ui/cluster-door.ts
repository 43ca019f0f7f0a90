import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Caller } from '../api/server.ts';
import { type Clock, isMembraneError, Turns } from '../base/index.ts';
import { ClusterReading, type FlowsOfNodes } from './cluster-reading.ts';
import type { Door } from './door.ts';
import { uiErrors } from './errors.ts';
import { Sessions } from './sessions.ts';

/** What goes to all nodes at once, at a time. */
const ASKED = { most: 8, mostEach: 2, full: (detail: string) => uiErrors.make('E_UI_FULL', { detail }) };

/** Tokens that come with a request, of anybody: the API server is asked about so many at a time, whoever has logged in does not wait for them. */
const STRANGERS = { most: 16, full: (detail: string) => uiErrors.make('E_UI_FULL', { detail }) };

/**
 * Of a cluster: who shows a token of Kubernetes, or a certificate where TLS ends here, looks with his own rights. What a session
 * stands for is his token, which is looked at again for every stream, and while it runs.
 */
export function clusterDoor(flows: FlowsOfNodes, clock: Clock): Door {
  const sessions = new Sessions(clock);
  const turns = new Turns(ASKED);
  const strangers = new Turns(STRANGERS);
  const nowhere = new Socket();
  const byToken = async (token: string): Promise<Caller> =>
    await flows.whoShows({ headers: { authorization: `Bearer ${token}` }, socket: nowhere });
  const caller = async ({ headers, socket }: IncomingMessage, session: string | undefined): Promise<Caller> => {
    const token = session === undefined ? undefined : sessions.tokenOf(session);
    if (headers.authorization === undefined && session !== undefined && token !== undefined) {
      const known = await byToken(token);
      const { stillHolds = async () => true } = known;
      // Who logs out does so in all of his pages, and whoever has his cookie with him.
      return { ...known, stillHolds: async () => sessions.tokenOf(session) === token && (await stillHolds()) };
    }
    const ask = async (): Promise<Caller> => await flows.whoShows({ headers: shown(headers), socket });
    return headers.authorization === undefined ? await ask() : await strangers.take('', ask);
  };
  return {
    enter: async (request, session) => {
      try {
        return new ClusterReading(flows, await caller(request, session), turns);
      } catch (error) {
        if (!isMembraneError(error, 'E_HUBBLE_NOBODY')) throw error;
        if (session !== undefined) sessions.end(session);
        throw uiErrors.make('E_UI_LOGIN', { cause: error });
      }
    },
    login: {
      begin: async (token) => {
        try {
          const known = await byToken(token);
          const who = known.seesAll ? '' : known.subject.name;
          return { session: sessions.begin(who, token), who };
        } catch (error) {
          if (!isMembraneError(error, 'E_HUBBLE_NOBODY')) throw error;
          throw uiErrors.make('E_UI_TOKEN', { cause: error });
        }
      },
      end: (session) => sessions.end(session),
    },
  };
}

/** Nobody asks for somebody else here. */
function shown({ authorization }: IncomingHttpHeaders): IncomingHttpHeaders {
  return authorization === undefined ? {} : { authorization };
}
