import { z } from 'zod';
import { listOf, metadata } from './meta.ts';
import { defineResource, type KubeRow } from './resource.ts';

export type NamedPort = { readonly name: string; readonly port: number; readonly protocol: 'TCP' | 'UDP' | 'SCTP' };

export type PodRow = KubeRow & {
  readonly labels: Readonly<Record<string, string>>;
  /** `default` when the object does not say. */
  readonly serviceAccount: string;
  /** Empty: not scheduled. */
  readonly nodeName: string;
  readonly hostNetwork: boolean;
  /** As the status says; IPv4 and IPv6, the primary one first. */
  readonly podIPs: readonly string[];
  readonly hostIP: string;
  readonly namedPorts: readonly NamedPort[];
  /** `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`; empty: not said. The address of a finished pod is free. */
  readonly phase: string;
  readonly deletionTimestamp?: string;
};

const port = z.object({
  name: z.string().optional(),
  containerPort: z.number().int().min(1).max(65_535),
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
});
const container = z.object({ ports: listOf(port), restartPolicy: z.string().optional() });

const schema = z
  .object({
    metadata,
    spec: z
      .object({
        serviceAccountName: z.string().optional(),
        nodeName: z.string().optional(),
        hostNetwork: z.boolean().optional(),
        containers: listOf(container),
        initContainers: listOf(container),
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
    return {
      uid: meta.uid,
      namespace: meta.namespace,
      name: meta.name,
      labels: meta.labels,
      serviceAccount: spec.serviceAccountName || 'default',
      nodeName: spec.nodeName ?? '',
      hostNetwork: spec.hostNetwork ?? false,
      podIPs,
      hostIP: status.hostIP ?? '',
      namedPorts,
      phase: status.phase ?? '',
      ...(meta.deletionTimestamp ? { deletionTimestamp: meta.deletionTimestamp } : {}),
    };
  });

export const POD = defineResource<PodRow>({
  kind: 'Pod',
  groupPath: '/api/v1',
  plural: 'pods',
  namespaced: true,
  schema,
});
