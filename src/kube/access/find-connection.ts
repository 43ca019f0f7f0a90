import { kubeErrors } from '../errors.ts';
import type { KubeConnection } from './connection.ts';
import { inClusterConnection } from './in-cluster.ts';
import { loadKubeconfig, parseServer } from './kubeconfig.ts';

export type ConnectionWish = {
  /** A kubeconfig file; without one those of KUBECONFIG, else the pod's service account. */
  readonly kubeconfig?: string | undefined;
  /** `host:port` or a URL: where the server is, whatever is said elsewhere. */
  readonly apiServer?: string | undefined;
};

/**
 * Where the API server is, and who we are to it. An agent that serves the cluster's services itself cannot reach the
 * server by one of them before it runs: then its address must be said. E_KUBE_CONFIG, E_KUBE_NOT_IN_CLUSTER.
 */
export function findConnection(
  { kubeconfig, apiServer }: ConnectionWish,
  env: Readonly<Record<string, string | undefined>> = process.env,
): KubeConnection {
  const fail = (detail: string): Error => kubeErrors.make('E_KUBE_CONFIG', { detail: `apiServer: ${detail}` });
  const server = apiServer === undefined ? undefined : parseServer(apiServer, fail);
  const list = kubeconfig ?? env.KUBECONFIG;
  if (!list) return inClusterConnection({ env, ...(server === undefined ? {} : { server }) });
  const connection = loadKubeconfig(list);
  return server === undefined ? connection : { ...connection, server };
}
