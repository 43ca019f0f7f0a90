import { type IdentityId, identityId, labelMap, type PodIdentity, type Workload } from '../model/index.ts';

/** Workloads and identities for tests. */
export function sampleWorkload(parts: Partial<Workload> & { readonly app?: string } = {}): Workload {
  const { app = 'web', ...rest } = parts;
  return {
    namespace: 'shop',
    namespaceLabels: labelMap({ 'kubernetes.io/metadata.name': rest.namespace ?? 'shop' }),
    labels: labelMap({ app }),
    serviceAccount: 'default',
    cluster: 'default',
    namedPorts: [],
    ...rest,
  };
}

export function samplePod(id: number | IdentityId, parts: Parameters<typeof sampleWorkload>[0] = {}): PodIdentity {
  return { kind: 'pod', id: identityId(id), workload: sampleWorkload(parts) };
}
