import { stringify } from 'yaml';

export type KubeconfigOptions = {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  readonly token: string;
  /** Name of cluster, user and context. Default `membrane-sandbox`. */
  readonly name?: string;
};

/** The text of a kubeconfig file. It holds the token: write it for its owner only (mode 0600). */
export function kubeconfig(options: KubeconfigOptions): string {
  const { server, ca, token, name = 'membrane-sandbox' } = options;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
  });
}
