import { z } from 'zod';
import { count } from './fields.ts';

/** `namespace/pod`, `namespace:NAME`, `tenant:NAME`, an address, `identity:ID` or a reserved name: `world`, `host`, ... */
const end = z.string().min(1).max(512);

export const verifyRequestSchema = z
  .strictObject({
    /** Only what concerns this tenant. */
    tenant: z.string().min(1).max(253).optional(),
    /** Whether any packet reaches from the one to the other; both or neither. */
    from: end.optional(),
    to: end.optional(),
    /** `intent`: what objects say. `kernel`: what the maps of this node say. Absent: the kernel, compared with the intent. */
    against: z.enum(['intent', 'kernel']).optional(),
  })
  .refine(({ from, to }) => (from === undefined) === (to === undefined), 'from and to go together');
export type VerifyRequest = z.output<typeof verifyRequestSchema>;

const packet = z.object({
  from: z.string(),
  to: z.string(),
  protocol: z.string(),
  /** Absent: ICMP. */
  port: count.optional(),
  /** To a frontend: `address:port` that it is turned to. */
  backend: z.string().optional(),
  /** What the account that is asked says becomes of it. */
  claimed: z.enum(['passes', 'dropped']),
  /** What became of it in the node's own programs; absent: it was not sent. */
  sent: z.enum(['passed', 'dropped']).optional(),
  /** Why it was dropped, or not sent. */
  detail: z.string().optional(),
});

const pair = z.object({
  /** Tenants by name; `system`; empty for namespaces that no Tenant claims. */
  from: z.string(),
  to: z.string(),
  /**
   * `isolated`: no packet opens a connection. `shared`: only what the one exports and the other imports. `together`: no
   * floor lies between them, policy decides. `empty`: one of them has no pods. `broken`: the kernel lets pass what is not meant to.
   */
  standing: z.enum(['isolated', 'shared', 'together', 'empty', 'broken']),
  /** Pairs of identities and ports that are shared. */
  shares: count,
  /** Of those one that passes, and why. */
  example: z.object({ from: z.string(), to: z.string(), packets: z.string(), why: z.array(z.string()) }).optional(),
});

const difference = z.object({
  /** `who`: whose an address or a pod is. `services`: where clients of a frontend are sent. `programs`: a packet did not do what the maps say. */
  layer: z.enum(['who', 'floor', 'sharing', 'policy', 'services', 'programs']),
  effect: z.enum(['opens', 'closes', 'other']),
  /** Of a pod's policy. */
  direction: z.enum(['ingress', 'egress']).optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  /** `TCP 5432`; absent: all. */
  packets: z.string().optional(),
  /** Pairs of which the same is true. */
  pairs: count,
  /** What in the kernel says so. */
  rows: z.array(z.string()),
  meant: z.array(z.string()),
  /**
   * Whose pods these are, and of `services`, from whom, whose service it is; empty: of namespaces that no Tenant claims;
   * absent: they are no pods, or anybody's.
   */
  fromTenant: z.string().optional(),
  toTenant: z.string().optional(),
  packet: packet.optional(),
});

export const verifySchema = z.object({
  node: z.string(),
  at: z.string(),
  /** The newest of policy on this node. */
  revision: count,
  tookMs: z.number(),
  /** False: something is broken or differs, or what was asked for is reached. */
  good: z.boolean(),
  /** Tenant objects that were taken into account. */
  tenants: z.array(z.object({ name: z.string(), generation: count })),
  /** `frontends`: places at which services answer that were compared; absent: of none. */
  counts: z.object({
    tenants: count,
    identities: count,
    endpoints: count,
    policies: count,
    frontends: count.optional(),
  }),
  pairs: z.array(pair),
  differences: z.array(difference),
  /** Differences that are not listed. */
  more: count,
  asked: z
    .object({
      from: z.string(),
      to: z.string(),
      /** Pairs of identities that were decided, each for all packets. */
      pairs: count,
      reached: z.array(
        z.object({
          from: z.string(),
          to: z.string(),
          packets: z.string(),
          why: z.array(z.string()),
          packet: packet.optional(),
        }),
      ),
      /** That are not listed. */
      more: count,
    })
    .optional(),
});
export type VerifyView = z.infer<typeof verifySchema>;
