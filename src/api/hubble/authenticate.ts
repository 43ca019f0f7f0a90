import { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import { Code, ConnectError } from '@connectrpc/connect';
import { errorMessage } from '../../base/index.ts';
import type { Subject } from '../../observe/index.ts';
import { AS_HEADER, type Caller, EVERYTHING, namedIn, unauthenticated } from './caller.ts';
import { chainOf, holdsUntil } from './certificate.ts';

/** How a request came in. */
export type Entrance =
  /** By a socket that only root opens, or a port that is open to all of its machine. */
  | { readonly kind: 'trusted' }
  /** Over TCP. `relayCa`: PEM, of relays and of nobody else. */
  | { readonly kind: 'port'; readonly relayCa: () => string | undefined };

/** What a request shows, over HTTP/1.1 or 2. */
type Shown = { readonly headers: IncomingHttpHeaders; readonly socket: Socket };

/** Whose token it is; undefined: nobody's. Throws when nobody answers. */
export type Identify = (token: string) => Promise<Subject | undefined>;

const AUTHENTICATED = 'system:authenticated';

/**
 * Who sends a request: by a bearer token or, as Hubble's clients have it, by one that is the password of basic auth; by a
 * certificate; or by how it came in. Who shows something that does not hold is refused, whatever else would let him in.
 */
export async function authenticate(
  request: Shown,
  entrance: Entrance,
  identify: Identify | undefined,
): Promise<Caller> {
  const { authorization, [AS_HEADER]: as } = request.headers;
  const caller =
    authorization === undefined ? shownBy(request, entrance) : await ofToken(tokenIn(authorization), identify);
  if (typeof as !== 'string') return caller;
  if (!caller.seesAll) throw new ConnectError('only who sees all asks for somebody else', Code.PermissionDenied);
  return { seesAll: false, subject: namedIn(as), stillHolds: caller.stillHolds };
}

function tokenIn(authorization: string): string {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+) *$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic')
    throw unauthenticated('a bearer token is expected, or one as the password of basic auth');
  const text = Buffer.from(value, 'base64').toString('utf8');
  return text.slice(text.indexOf(':') + 1);
}

async function ofToken(token: string, identify: Identify | undefined): Promise<Caller> {
  if (identify === undefined) throw unauthenticated('nobody here knows tokens');
  let subject: Subject | undefined;
  try {
    subject = await identify(token);
  } catch (cause) {
    const message = `nobody says whose the token is: ${errorMessage(cause)}`;
    throw new ConnectError(message, Code.Unavailable, undefined, undefined, cause);
  }
  if (subject === undefined) throw unauthenticated("the token is nobody's, or not any more");
  const { name, uid } = subject;
  const stillHolds = async (): Promise<boolean> => {
    const now = await identify(token);
    return now !== undefined && now.name === name && now.uid === uid;
  };
  return { seesAll: false, subject, stillHolds };
}

function shownBy({ socket }: Shown, entrance: Entrance): Caller {
  if (entrance.kind === 'trusted') return EVERYTHING;
  const shown = socket instanceof TLSSocket ? socket.getPeerCertificate(true) : undefined;
  if (shown === undefined || Object.keys(shown).length === 0)
    throw unauthenticated('show a token (metadata authorization, or basic auth), or a certificate');
  const { authorized, authorizationError } = socket as TLSSocket;
  if (!authorized) throw unauthenticated(`the certificate is not accepted: ${String(authorizationError)}`);
  // It was looked at when the connection was opened, which may be long ago.
  const until = holdsUntil(shown);
  const stillHolds = async (): Promise<boolean> => Date.now() < until;
  if (Date.now() >= until) throw unauthenticated('the certificate has expired');
  if (isOf(shown, entrance.relayCa())) return { seesAll: true, stillHolds };
  const { CN, O } = shown.subject as Readonly<Record<string, string | string[] | undefined>>;
  const [name] = [CN ?? []].flat();
  if (name === undefined || name === '') throw unauthenticated('the certificate names nobody');
  const subject = { name, groups: [...[O ?? []].flat(), AUTHENTICATED] };
  return { seesAll: false, subject, stillHolds };
}

/** Whether one of these authorities stands at the end of its chain. */
function isOf(shown: PeerCertificate, authorities: string | undefined): boolean {
  const known = new Set(certificatesIn(authorities ?? '').map(({ fingerprint256 }) => fingerprint256));
  const [, ...issuers] = chainOf(shown);
  return issuers.some(({ fingerprint256 }) => known.has(fingerprint256));
}

function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
