import { writeFile } from 'node:fs/promises';
import { type ApiServer, type Certificate, kubeconfig } from '../apiserver/index.ts';
import {
  API_SERVICE_IP,
  CLUSTER_DOMAIN,
  listenInNetns,
  MOST_NODES,
  type NodePlace,
  nodePlace,
} from '../machine/index.ts';

/** In every node's namespace; on the machine's loopback it is only the first choice. */
export const API_PORT = 6443;

export type ApiAccessOptions = {
  readonly certificate: Certificate;
  readonly token: string;
  /** On 127.0.0.1 of the machine. Default 6443, or a free one when somebody has it. */
  readonly port: number | undefined;
  /** Of whoever runs the sandbox; our own programs have others. */
  readonly kubeconfigPath: string;
};

/** Where deploy/ has its accounts. */
export const PRODUCT_NAMESPACE = 'membrane';
/** As long as tokens may be good: nobody renews them, and their key ends with the sandbox. */
const TOKEN_SECONDS = 2 ** 32;

const SERVICE = 'kubernetes.default';

/** Names and addresses that the server's certificate must hold, those of nodes to come among them. */
export function apiNames(): string[] {
  const service = ['kubernetes', SERVICE, `${SERVICE}.svc`, `${SERVICE}.svc.${CLUSTER_DOMAIN}`, API_SERVICE_IP];
  const nodes = Array.from({ length: MOST_NODES }, (_, i) => nodePlace(i + 1).ip);
  return ['localhost', '127.0.0.1', ...nodes, ...service];
}

/**
 * The API on loopback of the machine and in every node's namespace, on loopback and on the node's address, and nowhere else;
 * with the kubeconfig files, which hold tokens, for root only.
 */
export class ApiAccess {
  readonly #api: ApiServer;
  readonly #o: ApiAccessOptions;
  /** The same when it is opened again. */
  #port: number | undefined;

  constructor(api: ApiServer, options: ApiAccessOptions) {
    this.#api = api;
    this.#o = options;
    this.#port = options.port;
  }

  async open(nodes: readonly NodePlace[]): Promise<void> {
    const { kubeconfigPath } = this.#o;
    this.#port = await this.#listenOnLoopback();
    await this.#write(kubeconfigPath, this.#port, this.#o.token);
    for (const node of nodes) await this.openNode(node);
  }

  async openNode(node: NodePlace): Promise<void> {
    const { certificate: tls } = this.#o;
    for (const ip of ['127.0.0.1', node.ip]) {
      await this.#api.listen({ fd: listenInNetns(node.netnsPath, ip, API_PORT), tls });
    }
  }

  /** As when the server has died: nobody is connected, and nobody answers, until it is opened again. */
  async close(): Promise<void> {
    await this.#api.disconnect();
  }

  /** Writes the file by which the operator reaches it: it may do what deploy/ lets it, and nothing else. */
  async admitOperator(path: string): Promise<void> {
    await this.#write(path, this.#port ?? API_PORT, this.#tokenOf({ name: 'membrane-operator' }));
  }

  /** The same for an agent. Its Node must be there: the token says whose agent it is. */
  async admitAgent({ name: node, kubeconfig: path }: NodePlace): Promise<void> {
    await this.#write(path, API_PORT, this.#tokenOf({ name: 'membrane', node }));
  }

  /** Of an account of deploy/; on a cluster a kubelet brings it to the pod. */
  #tokenOf({ name, node }: { readonly name: string; readonly node?: string }): string {
    const bound = node === undefined ? {} : { bound: { kind: 'Node', name: node } as const };
    const request = { expirationSeconds: TOKEN_SECONDS, ...bound };
    return this.#api.tokens.issue({ namespace: PRODUCT_NAMESPACE, name }, request).token;
  }

  async #write(path: string, port: number, token: string): Promise<void> {
    const { ca } = this.#o.certificate;
    await writeFile(path, kubeconfig({ server: `https://127.0.0.1:${port}`, ca, token }), { mode: 0o600 });
  }

  async #listenOnLoopback(): Promise<number> {
    const { certificate: tls } = this.#o;
    const listen = async (port: number): Promise<number> =>
      (await this.#api.listen({ host: '127.0.0.1', port, tls })).port;
    return await listen(this.#port ?? API_PORT).catch(() => listen(0));
  }
}
