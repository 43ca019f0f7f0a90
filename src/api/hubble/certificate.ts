import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/** Longer than any chain that is accepted. */
const MAX_CHAIN = 8;

type Chained = PeerCertificate & { readonly issuerCertificate?: PeerCertificate };

/** What was shown, who signed that, and so on. */
export function* chainOf(shown: Chained): Generator<PeerCertificate> {
  let at = shown;
  for (let depth = 0; depth < MAX_CHAIN; depth += 1) {
    yield at;
    const { issuerCertificate: issuer } = at;
    if (issuer === undefined || issuer === at) return;
    at = issuer;
  }
}

/** ms since the epoch: with the first of its chain that ends it holds no more. */
export function holdsUntil(shown: Chained): number {
  return Math.min(...Array.from(chainOf(shown), ({ valid_to: until }) => Date.parse(until)));
}

/** Of a server, on connections that were opened with `check`: TLS looks at it when one is opened, which may be long ago. */
export class ServerCertificate {
  #until = Number.POSITIVE_INFINITY;

  /** What TLS asks (`checkServerIdentity`) of the last that was shown. */
  readonly check = (host: string, shown: PeerCertificate): Error | undefined => {
    this.#until = holdsUntil(shown);
    return checkServerIdentity(host, shown);
  };

  get hasExpired(): boolean {
    return Date.now() >= this.#until;
  }
}
