import { z } from 'zod';
import { FLOW_HOOKS, FLOW_LOSS_PLACES, FLOW_TYPES, FLOW_VERDICTS, TCP_FLAGS } from '../model/index.ts';

/**
 * The wire of the admin API, version v1: JSON objects, and JSON lines for streams. Fields are only ever added: who reads an
 * answer ignores what it does not know; what a request says is understood whole or refused. Times are RFC 3339 text except in flows (milliseconds since the epoch).
 */
const direction = z.enum(['ingress', 'egress']);
const count = z.number().int().nonnegative();
const packetCount = z.object({ packets: count, bytes: count });

export const checkSchema = z.object({
  name: z.string(),
  ok: z.boolean(),
  /** What was found; for a failed check also what to do. */
  detail: z.string(),
});
export type Check = z.infer<typeof checkSchema>;

/** From worst to best. */
export const SEVERITIES = ['critical', 'warning', 'info', 'ok'] as const;
export type Severity = (typeof SEVERITIES)[number];

const findingSchema = z.object({
  severity: z.enum(SEVERITIES),
  /** What was looked at: `route_localnet`, `hooks`, `map policy`. */
  check: z.string(),
  /** What was found, and where. */
  evidence: z.string(),
  /** What to do; absent when nothing is to be done. */
  remedy: z.string().optional(),
});
export type Finding = z.infer<typeof findingSchema>;
export const doctorSchema = z.object({ findings: z.array(findingSchema) });
export type DoctorReport = z.infer<typeof doctorSchema>;

export const statusSchema = z.object({
  node: z.string(),
  cluster: z.string(),
  version: z.string(),
  pid: count,
  startedAt: z.string(),
  /** True when the agent has synced with Kubernetes and every endpoint that can be is enforced. */
  ready: z.boolean(),
  kernel: z.string(),
  policyEnforcement: z.enum(['default', 'always', 'never']),
  policyRevision: count,
  /** Switches of the configuration by name. */
  features: z.record(z.string(), z.boolean()),
  checks: z.array(checkSchema),
  counts: z.object({ endpoints: count, endpointsReady: count, identities: count, policies: count, nodes: count }),
  flows: z.object({
    seen: count,
    stored: count,
    readers: count,
    lost: z.object({ kernel: count, store: count, reader: count }),
  }),
});
export type AgentStatus = z.infer<typeof statusSchema>;

export const endpointSchema = z.object({
  id: count,
  /** `waiting` = everything is dropped until the identity and policy are known; `detail` says what is missing. */
  state: z.enum(['creating', 'waiting', 'ready', 'broken', 'deleting']),
  detail: z.string().optional(),
  namespace: z.string(),
  pod: z.string(),
  podUid: z.string(),
  containerId: z.string().optional(),
  addresses: z.array(z.string()),
  mac: z.string(),
  interface: z.string(),
  ifindex: count,
  /** 0: not known yet. */
  identity: count,
  labels: z.array(z.string()),
  namedPorts: z.array(z.object({ name: z.string(), port: count, protocol: z.string() })),
  /** False: the direction is open, because no policy selects the pod for it. */
  enforced: z.object({ ingress: z.boolean(), egress: z.boolean() }),
  policyRevision: count,
  counters: z
    .object({
      /** Absent where what is forwarded is not counted by endpoint. */
      ingress: packetCount.optional(),
      egress: packetCount.optional(),
      drops: z.array(packetCount.extend({ reason: z.string(), direction })),
      /** Flow events about its connections that were above its share, or found the ring full. */
      missedEvents: count,
    })
    .optional(),
});
export type EndpointView = z.infer<typeof endpointSchema>;

export const identitySchema = z.object({
  id: count,
  kind: z.enum(['reserved', 'cluster', 'cidr']),
  /** `reserved:world`, `k8s:app=web`, `cidr:10.0.0.0/8`; sorted. */
  labels: z.array(z.string()),
  /** Endpoints of this node with it. */
  endpoints: count,
  /** Whatever holds it: endpoints, remote pods, policies. 0: it goes after the grace time. */
  references: count,
});
export type IdentityView = z.infer<typeof identitySchema>;

export const policySchema = z.object({
  kind: z.string(),
  /** Absent: cluster-wide. */
  namespace: z.string().optional(),
  name: z.string(),
  uid: z.string().optional(),
  /**
   * `refused`: its table does not fit. `unreadable`, `no-room`: rules that cannot be read, or whose peers do not fit,
   * admit nobody; the rest is in force. `detail` says why.
   */
  state: z.enum(['applied', 'pending', 'refused', 'unreadable', 'no-room']),
  detail: z.string().optional(),
  directions: z.array(direction),
  /** How many endpoints of this node it selects. */
  endpoints: count,
  rules: z.array(z.object({ id: count, direction, verdict: z.enum(['allow', 'deny']), text: z.string() })),
});
export type PolicyView = z.infer<typeof policySchema>;

/** `namespace/pod`, an IP address, `identity:ID`, or a reserved name: `host`, `world`, `remote-node`, ... */
const tracePeer = z.string().min(1).max(512);

/** What is asked is understood whole or refused: an answer to half of a question would be taken for one to all of it. */
export const traceRequestSchema = z.strictObject({
  from: tracePeer,
  to: tracePeer,
  /** Destination port; absent for ICMP. */
  port: z.number().int().min(0).max(65_535).optional(),
  protocol: z.enum(['TCP', 'UDP', 'SCTP', 'ICMP']).default('TCP'),
});
export const policyFilterSchema = z.strictObject({
  kind: z.string().optional(),
  namespace: z.string().optional(),
  name: z.string().optional(),
});

export type TraceRequest = z.output<typeof traceRequestSchema>;

const tracedEnd = z.object({ name: z.string(), identity: count, labels: z.array(z.string()) });

export const traceSchema = z.object({
  verdict: z.enum(['allowed', 'denied']),
  from: tracedEnd,
  to: tracedEnd,
  port: count.optional(),
  protocol: z.string(),
  /** In the order of the packet's path; the first denial ends it. */
  steps: z.array(
    z.object({
      direction,
      verdict: z.enum(['allowed', 'denied']),
      /** False: no policy selects the subject in this direction. */
      enforced: z.boolean(),
      /** `NetworkPolicy tenant-a/backend`; absent: a default decided. */
      policy: z.string().optional(),
      rule: z.string().optional(),
      /** Why it is dropped whatever policies say. */
      drop: z.string().optional(),
      /** One sentence for people. */
      reason: z.string(),
      /** The rule that would have allowed it, but for one condition. */
      nearestMiss: z.object({ policy: z.string(), rule: z.string(), because: z.string() }).optional(),
    }),
  ),
});
export type TraceView = z.infer<typeof traceSchema>;

const connectionEnd = z.object({ addr: z.string(), port: count, endpoint: count, identity: count });

export const connectionSchema = z.object({
  protocol: z.string(),
  /** The side that opened the connection. */
  source: connectionEnd,
  destination: connectionEnd,
  /** False: taken under an older policy or identity, judged anew with its next packet. */
  current: z.boolean(),
  replied: z.boolean(),
  closing: z.boolean(),
  midstream: z.boolean(),
  natPort: count.optional(),
  expiresInSeconds: z.number(),
  rules: z.object({ ingress: z.string().optional(), egress: z.string().optional() }),
});
export type ConnectionView = z.infer<typeof connectionSchema>;

export const nodeSchema = z.object({
  name: z.string(),
  local: z.boolean(),
  addresses: z.array(z.string()),
  podCIDRs: z.array(z.string()),
  identity: count,
  /** At the node's own devices; absent: of other nodes nothing is known. */
  drops: z.array(packetCount.extend({ reason: z.string(), direction })).optional(),
});
export type NodeView = z.infer<typeof nodeSchema>;

const serviceSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  type: z.string(),
  /** `ignored`: headless, ExternalName or another proxy's. `refused`: has no backends that it had not before; `problems` say why. */
  state: z.enum(['applied', 'pending', 'refused', 'ignored']),
  /** What is special about the choice of a backend: `affinity 600s`, `internal Local`. Empty: any, at random. */
  steering: z.array(z.string()),
  frontends: z.array(
    z.object({
      kind: z.enum(['ClusterIP', 'NodePort', 'ExternalIP', 'LoadBalancer', 'HostPort']),
      /** `::`: every address of the node. */
      address: z.string(),
      port: count,
      protocol: z.string(),
      /** False: another service has this address and port. */
      served: z.boolean(),
      backends: count,
    }),
  ),
  /** The first hundred. `draining-used`: on its way out, used because nobody is ready. */
  backends: z.array(
    z.object({
      address: z.string(),
      port: count,
      protocol: z.string(),
      state: z.enum(['ready', 'draining-used', 'draining']),
      pod: z.string().optional(),
      local: z.boolean(),
    }),
  ),
  backendCount: count,
  problems: z.array(z.object({ reason: z.string(), message: z.string() })),
});
export type ServiceView = z.infer<typeof serviceSchema>;
export const serviceListSchema = z.object({
  enabled: z.boolean(),
  /** Where sockets are turned to backends; absent: only packets are. */
  cgroup: z.string().optional(),
  items: z.array(serviceSchema),
});
export type ServiceList = z.infer<typeof serviceListSchema>;

export const footprintSchema = z.object({
  programs: z.array(
    z.object({
      name: z.string(),
      /** `tcx/ingress mbr0001`. */
      attachedTo: z.string(),
      kernelId: count,
      /** eBPF instructions after the verifier removed what is not used. */
      instructions: count,
      jitedBytes: count,
    }),
  ),
  maps: z.array(
    z.object({ name: z.string(), type: z.string(), maxEntries: count, entries: count.optional(), memoryBytes: count }),
  ),
  features: z.array(
    z.object({ name: z.string(), enabled: z.boolean(), description: z.string(), instructions: count.optional() }),
  ),
});
export type FootprintView = z.infer<typeof footprintSchema>;

const flowEnd = z.object({
  addr: z.string(),
  port: count.optional(),
  identity: count,
  labels: z.array(z.string()),
  namespace: z.string().optional(),
  pod: z.string().optional(),
  endpoint: count.optional(),
});

export const flowSchema = z.object({
  time: z.number(),
  node: z.string(),
  type: z.enum(FLOW_TYPES),
  verdict: z.enum(FLOW_VERDICTS),
  dropReason: z.string().optional(),
  direction,
  source: flowEnd,
  destination: flowEnd,
  protocol: z.string(),
  tcpFlags: z.array(z.enum(TCP_FLAGS)),
  rules: z.object({ ingress: z.string().optional(), egress: z.string().optional() }),
  isReply: z.boolean(),
  length: count,
  ifindex: count,
  hook: z.enum(FLOW_HOOKS),
});

/** An error as every endpoint answers it, and as a stream says it before it ends. */
export const problemSchema = z.object({ code: z.string(), message: z.string(), remedy: z.string() });
export type Problem = z.infer<typeof problemSchema>;

/** One line of the observe stream. `alive` is a sign of life when nothing happens. */
export const observeLineSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('flow'), flow: flowSchema }),
  z.object({ kind: z.literal('lost'), place: z.enum(FLOW_LOSS_PLACES), count }),
  z.object({ kind: z.literal('alive') }),
  z.object({ kind: z.literal('error'), error: problemSchema }),
]);
export type ObserveLine = z.infer<typeof observeLineSchema>;

const words = z.array(z.string().min(1).max(512)).max(64).optional();
const numbers = (max: number) => z.array(z.number().int().min(0).max(max)).max(64).optional();

export const flowFilterSchema = z.strictObject({
  fromPod: words,
  toPod: words,
  pod: words,
  namespace: words,
  fromLabel: words,
  toLabel: words,
  fromIdentity: numbers(0xffff_ffff),
  toIdentity: numbers(0xffff_ffff),
  verdict: z.array(z.enum(FLOW_VERDICTS)).optional(),
  type: z.array(z.enum(FLOW_TYPES)).optional(),
  reason: words,
  port: numbers(65_535),
  protocol: words,
});

export const observeRequestSchema = z.strictObject({
  filter: flowFilterSchema.default({}),
  /** How many stored flows to send first, the newest ones that match. */
  last: z.number().int().min(0).max(1_000_000).default(0),
  /** Go on with what happens from now. */
  follow: z.boolean().default(false),
});
export type ObserveRequest = z.output<typeof observeRequestSchema>;
