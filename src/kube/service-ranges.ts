import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { isMembraneError } from '../base/index.ts';
import type { KubeClient } from './client.ts';

/** KEP-1880: since 1.31 beta, since 1.33 stable. */
const SERVICE_CIDRS = ['/apis/networking.k8s.io/v1/servicecidrs', '/apis/networking.k8s.io/v1beta1/servicecidrs'];
/** What kubeadm writes down about the cluster that it made. */
const KUBEADM = '/api/v1/namespaces/kube-system/configmaps/kubeadm-config';

const serviceCidrs = z.object({
  items: z.array(z.object({ spec: z.object({ cidrs: z.array(z.string()).nullish() }).nullish() })).nullish(),
});
const configMap = z.object({ data: z.record(z.string(), z.string()).nullish() });
const clusterConfiguration = z.object({ networking: z.object({ serviceSubnet: z.string().nullish() }).nullish() });

/**
 * The ranges that services of the cluster get their addresses from, as prefixes in text: of ServiceCIDR objects, else as
 * kubeadm noted them. Empty: nobody here says so. Rejects when the server cannot be asked.
 */
export async function readServiceRanges(client: Pick<KubeClient, 'request'>, signal: AbortSignal): Promise<string[]> {
  for (const path of SERVICE_CIDRS) {
    const found = serviceCidrs.safeParse(await optional(client, path, signal)).data?.items;
    const cidrs = found?.flatMap(({ spec }) => spec?.cidrs ?? []) ?? [];
    if (cidrs.length > 0) return cidrs;
  }
  const data = configMap.safeParse(await optional(client, KUBEADM, signal)).data?.data;
  return subnetOf(data?.['ClusterConfiguration'] ?? '')
    .split(',')
    .flatMap((text) => text.trim() || []);
}

/** Undefined: the server has no such thing, or none for us. */
async function optional(client: Pick<KubeClient, 'request'>, path: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await client.request({ method: 'GET', path, signal });
  } catch (error) {
    if (isMembraneError(error, 'E_KUBE_NOT_FOUND') || isMembraneError(error, 'E_KUBE_FORBIDDEN')) return undefined;
    throw error;
  }
}

function subnetOf(yaml: string): string {
  try {
    return clusterConfiguration.safeParse(parseYaml(yaml)).data?.networking?.serviceSubnet ?? '';
  } catch {
    return '';
  }
}
