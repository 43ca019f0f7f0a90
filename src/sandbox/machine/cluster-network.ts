/** What every part of the sandbox and every pod takes for granted of the cluster's network. */

export const SERVICE_CIDR = '10.96.0.0/12';
/** Of Service `default/kubernetes`: the first of the range. */
export const API_SERVICE_IP = '10.96.0.1';
/** Of Service `kube-system/kube-dns`, which every pod is told. */
export const CLUSTER_DNS_IP = '10.96.0.10';
export const CLUSTER_DOMAIN = 'cluster.local';
