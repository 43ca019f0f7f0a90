import { z } from 'zod';
import type { HostPort, PodRow } from '../../model/index.ts';
import { labelMap, listOf, metadata } from './meta.ts';
import { defineResource } from './resource.ts';

const port = z.object({
  name: z.string().optional(),
  containerPort: z.number().int().min(1).max(65_535),
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
  hostPort: z.number().int().min(0).max(65_535).nullish(),
  hostIP: z.string().nullish(),
});
const capabilities = z.object({ add: listOf(z.string()), drop: listOf(z.string()) });
const securityContext = z.object({
  privileged: z.boolean().nullish(),
  capabilities: capabilities.nullish(),
});
const container = z.object({
  ports: listOf(port),
  restartPolicy: z.string().optional(),
  securityContext: securityContext.nullish(),
});
type Container = z.output<typeof container>;

const isPrivileged = ({ securityContext: context }: Container): boolean => context?.privileged === true;

/** `drop` before `add`, `ALL` understood in both, with or without CAP_, as container runtimes do it. */
function hasNetRaw(it: Container): boolean {
  if (isPrivileged(it)) return true;
  const names = (list: readonly string[] = []): string[] => list.map((name) => name.toUpperCase().replace(/^CAP_/, ''));
  const [added, dropped] = [it.securityContext?.capabilities?.add, it.securityContext?.capabilities?.drop].map(names);
  if (added?.includes('NET_RAW')) return true;
  if (dropped?.includes('NET_RAW')) return false;
  return added?.includes('ALL') === true || dropped?.includes('ALL') !== true;
}

const NO_HOST_PORTS: readonly HostPort[] = [];

/** Its value is that of kubernetes.io/config.hash of the static pod. */
const MIRROR = 'kubernetes.io/config.mirror';

const schema = z
  .object({
    metadata: metadata.extend({ creationTimestamp: z.string().nullish(), annotations: labelMap }),
    spec: z
      .object({
        serviceAccountName: z.string().optional(),
        nodeName: z.string().optional(),
        hostNetwork: z.boolean().optional(),
        containers: listOf(container),
        initContainers: listOf(container),
        ephemeralContainers: listOf(container),
      })
      .prefault({}),
    status: z
      .object({
        phase: z.string().optional(),
        hostIP: z.string().optional(),
        podIP: z.string().optional(),
        podIPs: listOf(z.object({ ip: z.string().optional() })),
      })
      .prefault({}),
  })
  .transform(({ metadata: meta, spec, status }): PodRow => {
    const listed = status.podIPs.flatMap((entry) => (entry.ip ? [entry.ip] : []));
    const podIPs = listed.length > 0 ? listed : status.podIP ? [status.podIP] : [];
    // An init container that restarts always is a sidecar: its ports serve as long as the pod lives (KEP-753).
    const containers = [...spec.containers, ...spec.initContainers.filter((c) => c.restartPolicy === 'Always')];
    const namedPorts = containers.flatMap((c) =>
      c.ports.flatMap((p) => (p.name ? [{ name: p.name, port: p.containerPort, protocol: p.protocol }] : [])),
    );
    const hostPorts = containers.flatMap((c) =>
      c.ports.flatMap(({ hostPort, hostIP, containerPort, protocol }) =>
        hostPort ? [{ hostIP: hostIP ?? '', hostPort, containerPort, protocol }] : [],
      ),
    );
    const all = [...spec.containers, ...spec.initContainers, ...spec.ephemeralContainers];
    return {
      uid: meta.uid,
      namespace: meta.namespace,
      name: meta.name,
      labels: meta.labels,
      serviceAccount: spec.serviceAccountName || 'default',
      nodeName: spec.nodeName ?? '',
      hostNetwork: spec.hostNetwork ?? false,
      privileged: all.some(isPrivileged),
      netRaw: all.some(hasNetRaw),
      podIPs,
      hostIP: status.hostIP ?? '',
      namedPorts,
      hostPorts: spec.hostNetwork === true || hostPorts.length === 0 ? NO_HOST_PORTS : hostPorts,
      createdAt: hostPorts.length === 0 ? '' : (meta.creationTimestamp ?? ''),
      phase: status.phase ?? '',
      ...(meta.annotations[MIRROR] ? { mirrorOf: meta.annotations[MIRROR] } : {}),
      ...(meta.deletionTimestamp ? { deletionTimestamp: meta.deletionTimestamp } : {}),
    };
  });

export const POD = defineResource<PodRow>({
  kind: 'Pod',
  groupPath: '/api/v1',
  plural: 'pods',
  namespaced: true,
  unreadable: 'forget',
  schema,
});
