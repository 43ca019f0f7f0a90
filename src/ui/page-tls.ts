import { constants } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:http';
import { Server as SecureServer, type ServerOptions } from 'node:https';
import { type Clock, errorMessage, type Lifecycle, type Logger } from '../base/index.ts';
import { uiErrors } from './errors.ts';

/** PEM files. */
export type PageTls = {
  readonly certFile: string;
  readonly keyFile: string;
  /** Of users, who need not log in. Undefined: none shows a certificate. */
  readonly clientCaFile?: string | undefined;
};

/** Certificates are replaced while they hold. */
const LOOK_AT_FILES_MS = 10_000;

/** E_UI_TLS. */
export function secretsOf({ certFile, keyFile, clientCaFile }: PageTls): ServerOptions {
  try {
    return {
      cert: readFileSync(certFile),
      key: readFileSync(keyFile),
      ca: clientCaFile === undefined ? [] : [readFileSync(clientCaFile)],
      requestCert: clientCaFile !== undefined,
      // Who shows none may log in; one that does not hold is refused when it is shown.
      rejectUnauthorized: false,
      // A session that is taken up again shows no certificate.
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
  } catch (cause) {
    throw uiErrors.make('E_UI_TLS', { detail: errorMessage(cause), cause });
  }
}

type Surroundings = {
  readonly lifecycle: Pick<Lifecycle, 'spawn'>;
  readonly clock: Clock;
  readonly log: Logger;
};

/** A file that cannot be used leaves the last one that could, and is told of once. */
export function keepCertificate(server: Server, tls: PageTls, { lifecycle, clock, log }: Surroundings): void {
  if (!(server instanceof SecureServer)) return;
  lifecycle.spawn('certificate of the page', async (signal) => {
    let seen = stampOf(tls);
    while (!signal.aborted) {
      await clock.sleep(LOOK_AT_FILES_MS, signal).catch(() => undefined);
      const now = stampOf(tls);
      if (signal.aborted || now === seen) continue;
      seen = now;
      try {
        server.setSecureContext(secretsOf(tls));
      } catch (error) {
        log.error({ error: errorMessage(error) }, 'the new certificate of the page cannot be used; the last goes on');
      }
    }
  });
}

function stampOf({ certFile, keyFile, clientCaFile }: PageTls): string {
  return [certFile, keyFile, clientCaFile]
    .map((path) => (path === undefined ? 0 : (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)))
    .join(' ');
}
