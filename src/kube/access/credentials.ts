import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { type Clock, systemClock } from '../../base/index.ts';
import { kubeErrors } from '../errors.ts';
import type { ClientCertificate, Credentials, Presented } from './connection.ts';

/** Bound tokens live an hour and the kubelet replaces them at 80 %: a minute is early enough. */
const FILE_TTL_MS = 60_000;

/** The same at all times. */
export function fixed(presented: Presented): Credentials {
  return { present: async () => presented, refresh: () => false };
}

export function staticToken(token: string): Credentials {
  return fixed({ authorization: `Bearer ${token}` });
}

export function basicAuth(username: string, password: string): Credentials {
  return fixed({ authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` });
}

/** A token that somebody else rotates on disk: read again when it is a minute old or was refused. */
export function tokenFile(path: string, clock: Clock = systemClock): Credentials {
  return rotating(clock, async () => ({ authorization: `Bearer ${(await readText(path, 'token')).trim()}` }));
}

/** A certificate and its key that somebody else rotates on disk, one file after the other. */
export function certificateFiles(
  paths: { readonly cert: string; readonly key: string },
  clock: Clock = systemClock,
): Credentials {
  let known: ClientCertificate | undefined;
  return rotating(clock, async () => {
    const [cert, key] = await Promise.all([
      readText(paths.cert, 'client certificate'),
      readText(paths.key, 'client key'),
    ]);
    if (cert !== known?.cert || key !== known.key) {
      requirePair({ cert, key }, paths.cert);
      known = { cert, key };
    }
    return { certificate: known };
  });
}

/**
 * Authorities that somebody else replaces on disk, as a cluster does that changes its own (kube-root-ca.crt). A file that holds
 * none says nothing: the last one that did goes on.
 */
export function authorityFile(path: string, clock: Clock = systemClock): Credentials {
  const file = rotating(clock, async () => {
    const ca = await readText(path, 'certificate authority');
    // Throws unless it begins with one.
    const { fingerprint256 } = new X509Certificate(ca);
    return fingerprint256 === '' ? {} : { ca };
  });
  // Who is refused for what he shows is refused whomever he believes.
  return { present: async () => await file.present().catch(() => ({})), refresh: () => false };
}

/** Of several the first that has something to say, for the header, for the certificate and for the authority each. */
export function combined(parts: readonly Credentials[]): Credentials {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  return {
    async present() {
      const all = await Promise.all(parts.map((part) => part.present()));
      const authorization = all.find((one) => one.authorization !== undefined)?.authorization;
      const certificate = all.find((one) => one.certificate !== undefined)?.certificate;
      const ca = all.find((one) => one.ca !== undefined)?.ca;
      return {
        ...(authorization === undefined ? {} : { authorization }),
        ...(certificate === undefined ? {} : { certificate }),
        ...(ca === undefined ? {} : { ca }),
      };
    },
    refresh: (refused) => parts.map((part) => part.refresh(refused)).includes(true),
  };
}

/** E_KUBE_CONFIG unless the key is the certificate's. */
export function requirePair({ cert, key }: ClientCertificate, where: string): void {
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const detail = `${where}: the client certificate and its key are no pair`;
    throw kubeErrors.make('E_KUBE_CONFIG', { detail, cause });
  }
}

function rotating(clock: Clock, read: () => Promise<Presented>): Credentials {
  let current: Presented | undefined;
  let readAt = 0;
  return {
    async present() {
      if (current !== undefined && clock.elapsed() - readAt <= FILE_TTL_MS) return current;
      try {
        current = await read();
        readAt = clock.elapsed();
      } catch (error) {
        // A rotation may take a file away for a moment, or have written one of two; the old is the better guess.
        if (current === undefined) throw error;
      }
      return current;
    },
    refresh() {
      readAt = Number.NEGATIVE_INFINITY;
      return true;
    },
  };
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw kubeErrors.make('E_KUBE_CONFIG', { detail: `${what} file ${path}`, cause });
  }
}
