import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { isMembraneError } from '../base/index.ts';
import type { KubeClient } from './client.ts';
import { type Collection, collectionPath } from './resources/resource.ts';

/** KEP-1880: since 1.31 beta, since 1.33 stable. */
const SERVICE_CIDRS: readonly Collection[] = ['v1', 'v1beta1'].map((version) => ({
  groupPath: `/apis/networking.k8s.io/${version}`,
  plural: 'servicecidrs',
  namespaced: false,
}));
/** What kubeadm writes down about the cluster that it made. */
const KUBEADM = '/api/v1/namespaces/kube-system/configmaps/kubeadm-config';

const serviceCidrs = z.object({
  metadata: z.object({ resourceVersion: z.string().default('') }).default({ resourceVersion: '' }),
  items: z.array(z.object({ spec: z.object({ cidrs: z.array(z.string()).nullish() }).nullish() })).nullish(),
});
const configMap = z.object({ data: z.record(z.string(), z.string()).nullish() });
const clusterConfiguration = z.object({ networking: z.object({ serviceSubnet: z.string().nullish() }).nullish() });

const WATCH_SECONDS = 30;
const IDLE_MS = 35_000;

export type ServiceRangesReading = {
  /** Prefixes in text. Empty: nobody here says so. */
  readonly ranges: readonly string[];
  /**
   * Waits for the objects that say so to change; false: not for as long as a watch lasts. Absent where there are none.
   * Rejects when they cannot be watched.
   */
  readonly changed?: (signal: AbortSignal) => Promise<boolean>;
};

type Client = Pick<KubeClient, 'request' | 'watch'>;

/**
 * The ranges that services of the cluster get their addresses from: of ServiceCIDR objects, else as kubeadm noted them.
 * Rejects when the server cannot be asked.
 */
export async function readServiceRanges(client: Client, signal: AbortSignal): Promise<ServiceRangesReading> {
  let watched: Pick<ServiceRangesReading, 'changed'> = {};
  for (const collection of SERVICE_CIDRS) {
    const found = serviceCidrs.safeParse(await optional(client, collectionPath(collection), signal)).data;
    if (found === undefined) continue;
    const { resourceVersion } = found.metadata;
    if (resourceVersion !== '') watched = { changed: changesOf(client, collection, resourceVersion) };
    const ranges = found.items?.flatMap(({ spec }) => spec?.cidrs ?? []) ?? [];
    if (ranges.length > 0) return { ranges, ...watched };
    break;
  }
  const data = configMap.safeParse(await optional(client, KUBEADM, signal)).data?.data;
  const ranges = subnetOf(data?.['ClusterConfiguration'] ?? '')
    .split(',')
    .flatMap((text) => text.trim() || []);
  return { ranges, ...watched };
}

function changesOf(client: Client, collection: Collection, listed: string): (signal: AbortSignal) => Promise<boolean> {
  let resourceVersion = listed;
  return async (signal) => {
    const options = { resourceVersion, signal, timeoutSeconds: WATCH_SECONDS, idleMs: IDLE_MS };
    for await (const events of client.watch(collection, options)) {
      for (const event of events) {
        if (event.type !== 'BOOKMARK') return true;
        resourceVersion = event.resourceVersion;
      }
    }
    return false;
  };
}

/** Undefined: the server has no such thing, or none for us. */
async function optional(client: Client, path: string, signal: AbortSignal): Promise<unknown> {
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
