import { z } from 'zod';
import type { ServiceSpec } from '../../model/index.ts';
import { exact, labelMap, listOf, metadata } from './meta.ts';
import { defineResource } from './resource.ts';

const PROXY_NAME = 'service.kubernetes.io/service-proxy-name';
const HEADLESS = 'service.kubernetes.io/headless';
/** The API server's default for ClientIP. */
const AFFINITY_SECONDS = 10_800;

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const number = z
  .number()
  .int()
  .nullish()
  .transform((value) => value ?? 0);
const policy = z.enum(['Cluster', 'Local']).nullish().catch('Cluster');

const port = z.object({
  name: text,
  protocol: z
    .enum(['TCP', 'UDP', 'SCTP'])
    .nullish()
    .transform((value) => value ?? 'TCP'),
  // Numbers that make no sense are judged where the service can be told so.
  port: number,
  nodePort: number,
  targetPort: z.union([z.int(), z.string()]).nullish(),
});

const schema = z
  .object({
    metadata: metadata.extend({ creationTimestamp: text }),
    spec: z
      .object({
        type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).nullish(),
        clusterIP: text,
        clusterIPs: listOf(z.string()),
        externalIPs: listOf(z.string()),
        ports: listOf(port),
        selector: labelMap,
        sessionAffinity: z.string().nullish(),
        sessionAffinityConfig: z
          .object({ clientIP: z.object({ timeoutSeconds: z.number().nullish() }).nullish() })
          .nullish(),
        internalTrafficPolicy: policy,
        externalTrafficPolicy: policy,
        healthCheckNodePort: number,
        loadBalancerSourceRanges: listOf(z.string()),
      })
      .prefault({}),
    status: z
      .object({
        loadBalancer: z.object({ ingress: listOf(z.object({ ip: text, ipMode: z.string().nullish() })) }).nullish(),
      })
      .nullish(),
  })
  .transform(({ metadata: meta, spec, status }): ServiceSpec => {
    const ips = spec.clusterIPs.length > 0 ? spec.clusterIPs : spec.clusterIP === '' ? [] : [spec.clusterIP];
    const timeout = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS;
    const ingress = status?.loadBalancer?.ingress ?? [];
    return {
      uid: meta.uid,
      namespace: meta.namespace,
      name: meta.name,
      createdAt: meta.creationTimestamp,
      type: spec.type ?? 'ClusterIP',
      clusterIPs: ips,
      externalIPs: exact(spec.externalIPs),
      // A balancer that is a proxy wants the traffic itself (KEP-1860).
      ingressIPs: exact(ingress.flatMap(({ ip, ipMode }) => (ip === '' || ipMode === 'Proxy' ? [] : [ip]))),
      ports: spec.ports.map(({ targetPort, ...rest }) =>
        targetPort === null || targetPort === undefined || targetPort === 0 ? rest : { ...rest, targetPort },
      ),
      ...(Object.keys(spec.selector).length === 0 ? {} : { selector: spec.selector }),
      affinitySeconds: spec.sessionAffinity === 'ClientIP' ? Math.max(0, Math.min(86_400, timeout)) : 0,
      internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
      externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster',
      healthCheckNodePort: spec.healthCheckNodePort,
      hasSourceRanges: spec.loadBalancerSourceRanges.length > 0,
      foreign: PROXY_NAME in meta.labels || HEADLESS in meta.labels,
    };
  });

export const SERVICE = defineResource<ServiceSpec>({
  kind: 'Service',
  groupPath: '/api/v1',
  plural: 'services',
  namespaced: true,
  // Its address may lie outside of every known range, and would be the world's. Who serves it say the slices.
  unreadable: 'keep',
  schema,
});
