import { z } from 'zod';
import type { NamespacedName } from '../../base/index.ts';
import {
  NO_LIMITS,
  SYSTEM_SERVICES,
  TENANT_METADATA,
  TENANT_MODES,
  TENANT_NODES,
  TENANT_PEERS,
  TENANT_WORLDS,
  type TenantRow,
  type TenantWorld,
} from '../../model/index.ts';
import { Prefix } from '../../net/index.ts';
import { labelMap, listOf, metadata } from './meta.ts';
import { defineResource, MEMBRANE_GROUP } from './resource.ts';

const claims = z.object({
  names: listOf(z.string().min(1)),
  prefix: z.string().min(1).optional(),
});

const exported = z.strictObject({
  name: z.string().min(1),
  service: z.string().regex(/^[^/]+\/[^/]+$/, 'must be namespace/name'),
  ports: z.array(z.union([z.int(), z.string()])).optional(),
  to: z.array(z.string()),
  /** A day begins at midnight, UTC. */
  expires: z
    .string()
    .refine((text) => !Number.isNaN(Date.parse(text)), 'must be a date')
    .transform((text) => Date.parse(text))
    .optional(),
});

const imported = z.strictObject({
  tenant: z.string(),
  export: z.string(),
  for: z.strictObject({ podSelector: z.strictObject({ matchLabels: labelMap }) }).optional(),
});

/** Of whom an API server's admission asks, and nobody else. */
const owner = z.strictObject({
  kind: z.enum(['User', 'Group', 'ServiceAccount']),
  name: z.string().min(1),
  namespace: z.string().min(1).optional(),
});

const limit = (least: number, most: number) => z.int().min(least).max(most).optional();

const limits = z.strictObject({
  connections: limit(0, 1_000_000_000),
  newConnectionsPerSecond: limit(1, 1_000_000),
  natPorts: limit(0, 1_000_000_000),
  identities: limit(1, 65_280),
  policyRows: limit(0, 1_000_000_000),
  flowEventsPerSecond: limit(1, 1_000_000),
});

/** As many as the API server takes. */
const MOST_CIDRS = 256;

const cidr = z.string().transform((text, context) => {
  try {
    // As of an ipBlock.
    return Prefix.parse(text, { hostBits: 'clear' });
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : `${text} is no prefix` });
    return z.NEVER;
  }
});

/** Strict: what a newer version says may be a limit, and is not to be passed over. */
const spec = z.strictObject({
  namespaces: claims.strict(),
  owners: listOf(owner),
  boundary: z
    .strictObject({
      inside: z.literal('Delegate').default('Delegate'),
      world: z.enum(TENANT_WORLDS).default('Closed'),
      nodes: z.enum(TENANT_NODES).default('ProbesOnly'),
    })
    .prefault({}),
  world: z
    .strictObject({
      cidrs: z
        .array(cidr)
        .max(MOST_CIDRS)
        .nullish()
        .transform((list) => list ?? []),
      metadata: z.enum(TENANT_METADATA).default('Never'),
    })
    .prefault({}),
  exports: listOf(exported),
  imports: listOf(imported),
  systemServices: z
    .array(z.enum(SYSTEM_SERVICES))
    .nullish()
    .transform((list) => list ?? ['dns' as const]),
  limits: limits.prefault({}),
  visibility: z.strictObject({ peers: z.enum(TENANT_PEERS).default('Hidden') }).prefault({}),
  mode: z.enum(TENANT_MODES).default('Enforce'),
});

const NO_WORLD: TenantWorld = { cidrs: [], metadata: 'Never' };

const head = z.object({ metadata: metadata.extend({ generation: z.int().default(0) }), spec: z.unknown().optional() });

/** One that says something that is not understood keeps what it claims, closed. */
const schema = head.transform(({ metadata: meta, spec: said }): TenantRow => {
  const read = spec.safeParse(said);
  const claimed = read.success ? read.data.namespaces : claimsOf(said);
  const boundary = read.success ? read.data.boundary : ({ world: 'Closed', nodes: 'ProbesOnly' } as const);
  const isLeaving = meta.deletionTimestamp !== null && meta.deletionTimestamp !== undefined;
  return {
    uid: meta.uid,
    namespace: '',
    name: meta.name,
    generation: meta.generation,
    claims: claimed === undefined ? undefined : { names: claimed.names, prefix: claimed.prefix },
    boundary: { world: boundary.world, nodes: boundary.nodes },
    world: read.success ? read.data.world : NO_WORLD,
    ...(read.success ? sharesOf(read.data) : { exports: [], imports: [], systemServices: [] }),
    limits: read.success ? { ...NO_LIMITS, ...read.data.limits } : NO_LIMITS,
    peers: read.success ? read.data.visibility.peers : 'Hidden',
    mode: read.success ? read.data.mode : 'Enforce',
    closed: read.success ? (isLeaving ? 'it is being deleted' : undefined) : problemOf(read.error),
    isLeaving,
  };
});

function sharesOf(said: z.output<typeof spec>): Pick<TenantRow, 'exports' | 'imports' | 'systemServices'> {
  return {
    exports: said.exports.map(({ name, service, ports, to, expires }) => ({
      name,
      service: service as NamespacedName,
      ports,
      to,
      expires,
    })),
    imports: said.imports.map(({ tenant, export: name, for: pods }) => ({
      tenant,
      export: name,
      labels: pods?.podSelector.matchLabels ?? {},
    })),
    systemServices: said.systemServices,
  };
}

function claimsOf(said: unknown): z.output<typeof claims> | undefined {
  const read = z.object({ namespaces: claims }).safeParse(said);
  return read.success ? read.data.namespaces : undefined;
}

function problemOf({ issues }: z.ZodError): string {
  const [first] = issues;
  const path = ['spec', ...(first?.path ?? [])].join('.');
  return `${path} is not understood: ${first?.message ?? ''}`;
}

export const TENANT = defineResource<TenantRow>({
  kind: 'Tenant',
  groupPath: `/apis/${MEMBRANE_GROUP}`,
  plural: 'tenants',
  namespaced: false,
  unreadable: 'keep',
  schema,
});
