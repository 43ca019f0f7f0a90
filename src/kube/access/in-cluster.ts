import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubeErrors } from '../errors.ts';
import type { KubeConnection } from './connection.ts';
import { authorityFile, combined, tokenFile } from './credentials.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

type Options = {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly folder?: string;
  /** Where the server is, in place of what the environment says. */
  readonly server?: URL;
};

/** The connection of a pod: environment variables and the mounted service account. */
export function inClusterConnection(options: Options = {}): KubeConnection {
  const { env = process.env, folder = SERVICE_ACCOUNT, server = serverOf(env) } = options;
  try {
    return {
      server,
      ca: readFileSync(join(folder, 'ca.crt'), 'utf8'),
      insecure: false,
      credentials: combined([tokenFile(join(folder, 'token')), authorityFile(join(folder, 'ca.crt'))]),
      namespace: readFileSync(join(folder, 'namespace'), 'utf8').trim(),
    };
  } catch (cause) {
    throw kubeErrors.make('E_KUBE_NOT_IN_CLUSTER', { detail: folder, cause });
  }
}

function serverOf(env: Readonly<Record<string, string | undefined>>): URL {
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT ?? '443';
  if (!host) throw kubeErrors.make('E_KUBE_NOT_IN_CLUSTER', { detail: 'KUBERNETES_SERVICE_HOST is not set' });
  const server = URL.parse(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
  if (server === null) throw kubeErrors.make('E_KUBE_NOT_IN_CLUSTER', { detail: `${host}:${port} is not an address` });
  return server;
}
