import { z } from 'zod';
import { namespacedName } from '../../base/index.ts';
import { envFromSchema, envSchema, resourcesSchema } from './env-schema.ts';
import { volumeMountSchema, volumeSchema } from './volume-schema.ts';

/**
 * What the scheduler and the kubelet read of a pod. Parsed from whatever the API server sends, although that validates
 * too: these strings end up in paths and in argument lists.
 */
export const segment = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'not a DNS name')
  .refine((s) => !s.includes('..'));
const noNul = z.string().refine((s) => !s.includes('\0'), 'holds a NUL byte');
const port = z.union([z.int().min(1).max(65535), z.string().max(15)]);

const exec = z.object({ command: z.array(noNul).min(1) });
const httpGet = z.object({
  port,
  path: z.string().optional(),
  host: z.string().optional(),
  scheme: z.string().optional(),
  httpHeaders: z.array(z.object({ name: z.string(), value: z.string().default('') })).default([]),
});

const probeSchema = z.object({
  exec: exec.optional(),
  tcpSocket: z.object({ port, host: z.string().optional() }).optional(),
  httpGet: httpGet.optional(),
  grpc: z.object({ port: z.int().min(1).max(65535), service: z.string().default('') }).optional(),
  terminationGracePeriodSeconds: z.number().optional(),
  initialDelaySeconds: z.number().default(0),
  periodSeconds: z.number().default(10),
  timeoutSeconds: z.number().default(1),
  successThreshold: z.number().default(1),
  failureThreshold: z.number().default(3),
});

const hookSchema = z.object({
  exec: exec.optional(),
  httpGet: httpGet.optional(),
  sleep: z.object({ seconds: z.number() }).optional(),
});

const containerSchema = z.object({
  name: segment,
  image: z.string().default(''),
  command: z.array(noNul).default([]),
  args: z.array(noNul).default([]),
  env: z.array(envSchema).default([]),
  envFrom: z.array(envFromSchema).default([]),
  volumeMounts: z.array(volumeMountSchema).default([]),
  resources: resourcesSchema.default({ limits: {}, requests: {} }),
  workingDir: noNul.optional(),
  stdin: z.boolean().default(false),
  /** Its input ends with the first client that was attached to it. */
  stdinOnce: z.boolean().default(false),
  tty: z.boolean().default(false),
  ports: z
    .array(
      z.object({
        name: z.string().optional(),
        containerPort: z.number(),
        protocol: z.string().default('TCP'),
        hostPort: z.number().default(0),
        hostIP: z.string().default(''),
      }),
    )
    .default([]),
  securityContext: z
    .object({
      privileged: z.boolean().default(false),
      allowPrivilegeEscalation: z.boolean().optional(),
      readOnlyRootFilesystem: z.boolean().default(false),
      runAsNonRoot: z.boolean().optional(),
      runAsUser: z.int().min(0).optional(),
      runAsGroup: z.int().min(0).optional(),
      capabilities: z
        .object({ add: z.array(z.string()).default([]), drop: z.array(z.string()).default([]) })
        .optional(),
    })
    .optional(),
  startupProbe: probeSchema.optional(),
  livenessProbe: probeSchema.optional(),
  readinessProbe: probeSchema.optional(),
  lifecycle: z.object({ postStart: hookSchema.optional(), preStop: hookSchema.optional() }).optional(),
  /** Of an init container: it goes on running beside the others. */
  restartPolicy: z.string().optional(),
  /** Of an ephemeral container: whose processes it sees. */
  targetContainerName: segment.or(z.literal('')).default(''),
});

const tolerationSchema = z.object({
  key: z.string().optional(),
  operator: z.string().optional(),
  value: z.string().optional(),
  effect: z.string().optional(),
});

const nodeRequirements = z
  .array(z.object({ key: z.string(), operator: z.string(), values: z.array(z.string()).default([]) }))
  .default([]);

const affinitySchema = z.object({
  nodeAffinity: z
    .object({
      requiredDuringSchedulingIgnoredDuringExecution: z
        .object({
          nodeSelectorTerms: z.array(z.object({ matchExpressions: nodeRequirements, matchFields: nodeRequirements })),
        })
        .optional(),
    })
    .optional(),
});

export const podSchema = z.object({
  metadata: z.object({
    name: segment,
    namespace: segment,
    uid: z.string().regex(/^[A-Za-z0-9-]{1,64}$/),
    resourceVersion: z.string().optional(),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
    managedFields: z.array(z.object({ manager: z.string().default('') })).optional(),
    deletionTimestamp: z.string().optional(),
    deletionGracePeriodSeconds: z.number().optional(),
  }),
  spec: z.object({
    nodeName: z.string().optional(),
    hostNetwork: z.boolean().default(false),
    hostname: segment.optional(),
    serviceAccountName: z.string().default('default'),
    enableServiceLinks: z.boolean().default(true),
    subdomain: z.string().default(''),
    hostAliases: z.array(z.object({ ip: z.string(), hostnames: z.array(z.string()).default([]) })).default([]),
    dnsPolicy: z.string().default('ClusterFirst'),
    dnsConfig: z
      .object({
        nameservers: z.array(z.string()).default([]),
        searches: z.array(z.string()).default([]),
        options: z.array(z.object({ name: z.string().default(''), value: z.string().default('') })).default([]),
      })
      .default({ nameservers: [], searches: [], options: [] }),
    volumes: z.array(volumeSchema).default([]),
    restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).default('Always'),
    terminationGracePeriodSeconds: z.number().default(30),
    activeDeadlineSeconds: z.number().optional(),
    nodeSelector: z.record(z.string(), z.string()).default({}),
    affinity: affinitySchema.optional(),
    tolerations: z.array(tolerationSchema).default([]),
    schedulerName: z.string().default('default-scheduler'),
    initContainers: z.array(containerSchema).default([]),
    containers: z.array(containerSchema),
    ephemeralContainers: z.array(containerSchema).default([]),
    securityContext: z
      .object({
        runAsUser: z.int().min(0).optional(),
        runAsGroup: z.int().min(0).optional(),
        runAsNonRoot: z.boolean().optional(),
        fsGroup: z.int().min(0).optional(),
        supplementalGroups: z.array(z.int().min(0)).default([]),
      })
      .optional(),
  }),
  status: z
    .object({
      phase: z.string().optional(),
      podIP: z.string().optional(),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
    })
    .default({ conditions: [] }),
});

export type Pod = z.infer<typeof podSchema>;
export type Container = z.infer<typeof containerSchema>;
export type Probe = z.infer<typeof probeSchema>;
export type LifecycleHandler = z.infer<typeof hookSchema>;
export type Toleration = z.infer<typeof tolerationSchema>;

export function isReady(pod: Pod): boolean {
  return pod.status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}

/**
 * Somebody is about to attach to it, and wants to hear it from its first word: who has it made by `kubectl run --attach` or
 * `kubectl debug`, or for one client's input.
 */
export function isMadeToAttach(pod: Pod, { name, stdin, stdinOnce }: Container): boolean {
  if (stdin && stdinOnce) return true;
  if (pod.spec.ephemeralContainers.some((own) => own.name === name)) return true;
  return pod.metadata.managedFields?.some(({ manager }) => manager === 'kubectl-run') === true;
}

export function podKey(pod: { metadata: { namespace: string; name: string } }): string {
  return namespacedName(pod.metadata);
}
