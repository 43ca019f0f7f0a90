import { writeFile } from 'node:fs/promises';
import { type ApiServer, type Certificate, kubeconfig } from '../apiserver/index.ts';
import { API_SERVICE_IP, CLUSTER_DOMAIN, listenInNetns, type NodePlace } from '../machine/index.ts';

/** In every node's namespace; on the machine's loopback it is only the first choice. */
export const API_PORT = 6443;

export type ApiAccessOptions = {
  readonly certificate: Certificate;
  readonly token: string;
  readonly nodes: readonly NodePlace[];
  /** On 127.0.0.1 of the machine. Default 6443, or a free one when somebody has it. */
  readonly port: number | undefined;
  /** The operator's; every node has one of its own. */
  readonly kubeconfigPath: string;
};

const SERVICE = 'kubernetes.default';

/** Names and addresses that the server's certificate must hold. */
export function apiNames(nodes: readonly NodePlace[]): string[] {
  const service = ['kubernetes', SERVICE, `${SERVICE}.svc`, `${SERVICE}.svc.${CLUSTER_DOMAIN}`, API_SERVICE_IP];
  return ['localhost', '127.0.0.1', ...nodes.map((node) => node.ip), ...service];
}

/**
 * Opens the API on loopback of the machine and in every node's namespace, on loopback and on the node's address, and nowhere
 * else; writes the kubeconfig files, which hold the token, for root only.
 */
export async function openApi(api: ApiServer, options: ApiAccessOptions): Promise<void> {
  const { certificate: tls, token, nodes } = options;
  const access = (port: number): string => kubeconfig({ server: `https://127.0.0.1:${port}`, ca: tls.ca, token });
  const { port } = await listenOnLoopback(api, options.port ?? API_PORT, tls);
  await writeFile(options.kubeconfigPath, access(port), { mode: 0o600 });
  for (const node of nodes) {
    for (const ip of ['127.0.0.1', node.ip]) await api.listen({ fd: listenInNetns(node.netnsPath, ip, API_PORT), tls });
    await writeFile(node.kubeconfig, access(API_PORT), { mode: 0o600 });
  }
}

async function listenOnLoopback(api: ApiServer, port: number, tls: Certificate): Promise<{ port: number }> {
  try {
    return await api.listen({ host: '127.0.0.1', port, tls });
  } catch {
    return api.listen({ host: '127.0.0.1', port: 0, tls });
  }
}
