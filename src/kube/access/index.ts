export type { ClientCertificate, KubeConnection, Presented } from './connection.ts';
export { type ConnectionWish, findConnection } from './find-connection.ts';
export { inClusterConnection } from './in-cluster.ts';
export { loadKubeconfig } from './kubeconfig.ts';
