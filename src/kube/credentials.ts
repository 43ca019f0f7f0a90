import { readFile } from 'node:fs/promises';
import { type Clock, systemClock } from '../base/index.ts';
import type { Credentials } from './connection.ts';
import { kubeErrors } from './errors.ts';

/** Bound tokens live an hour and the kubelet replaces them at 80 %: a minute is early enough. */
const TOKEN_FILE_TTL_MS = 60_000;

export const noCredentials: Credentials = { authorization: async () => undefined, refresh: () => false };

export function staticToken(token: string): Credentials {
  return { authorization: async () => `Bearer ${token}`, refresh: () => false };
}

export function basicAuth(username: string, password: string): Credentials {
  const encoded = Buffer.from(`${username}:${password}`).toString('base64');
  return { authorization: async () => `Basic ${encoded}`, refresh: () => false };
}

/** A token that somebody else rotates on disk: read again when it is a minute old or was refused. */
export function tokenFile(path: string, clock: Clock = systemClock): Credentials {
  let token: string | undefined;
  let readAt = 0;
  return {
    async authorization() {
      if (token === undefined || clock.now() - readAt > TOKEN_FILE_TTL_MS) {
        try {
          token = (await readFile(path, 'utf8')).trim();
          readAt = clock.now();
        } catch (cause) {
          // A rotation may take the file away for a moment; the old token is the better guess.
          if (token === undefined) throw kubeErrors.make('E_KUBE_CONFIG', { detail: `token file ${path}`, cause });
        }
      }
      return `Bearer ${token}`;
    },
    refresh() {
      readAt = Number.NEGATIVE_INFINITY;
      return true;
    },
  };
}
