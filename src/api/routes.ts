import { z } from 'zod';
import { namespacedName } from '../base/index.ts';
import type { Route } from './route.ts';
import { connectionSchema } from './views/connection.ts';
import { doctorSchema } from './views/doctor.ts';
import { type EndpointRef, endpointRefSchema, endpointSchema } from './views/endpoint.ts';
import { flowMessageSchema } from './views/flow.ts';
import { observeRequestSchema } from './views/flow-query.ts';
import { footprintSchema } from './views/footprint.ts';
import { type IdentityRef, identityRefSchema, identitySchema } from './views/identity.ts';
import { lintRequestSchema, lintSchema } from './views/lint.ts';
import { nodeSchema } from './views/node.ts';
import { peerSchema } from './views/peer.ts';
import { policyFilterSchema, policySchema } from './views/policy.ts';
import { replayRequestSchema, replaySchema } from './views/replay.ts';
import { serviceListSchema } from './views/service.ts';
import { statusSchema } from './views/status.ts';
import { suggestRequestSchema, suggestSchema, talksRequestSchema, talksSchema } from './views/suggest.ts';
import { type TenantRef, tenantRefSchema, tenantSchema } from './views/tenant.ts';
import { traceRequestSchema, traceSchema } from './views/trace.ts';
import { verifyRequestSchema, verifySchema } from './views/verify.ts';
import { whyRequestSchema, whySchema } from './views/why.ts';

/**
 * The admin API, version v1: JSON, and JSON lines for streams. Fields are only ever added: who reads an answer ignores what it
 * does not know; what a request says is understood whole or refused. Times are RFC 3339 text except in flows (milliseconds since the epoch).
 */
export const ROUTES = {
  status: read('/v1/status', statusSchema),
  endpoints: read('/v1/endpoints', z.array(endpointSchema)),
  /** With counters. */
  endpoint: find('/v1/endpoint', {
    params: endpointRefSchema,
    answer: endpointSchema,
    looksFor: (ref: EndpointRef) =>
      'id' in ref ? `endpoint ${ref.id}` : `endpoint of pod ${namespacedName({ ...ref, name: ref.pod })}`,
  }),
  identities: read('/v1/identities', z.array(identitySchema)),
  identity: find('/v1/identity', {
    params: identityRefSchema,
    answer: identitySchema,
    looksFor: ({ id }: IdentityRef) => `identity ${id}`,
  }),
  policies: { ...read('/v1/policies', z.array(policySchema)), params: policyFilterSchema },
  /** Fails when an end is not known. */
  trace: { ...read('/v1/trace', traceSchema), method: 'POST', params: traceRequestSchema },
  /** What policies that are not in force would have done to flows that were. E_AGENT_PROPOSAL. */
  replay: { ...read('/v1/replay', replaySchema), method: 'POST', params: replayRequestSchema },
  /** Likewise, and what would let it pass. */
  why: { ...read('/v1/why', whySchema), method: 'POST', params: whyRequestSchema },
  /** Who talked with pods of a namespace at this node. */
  talks: { ...read('/v1/talks', talksSchema), method: 'POST', params: talksRequestSchema },
  /** The least policies that let that pass. E_AGENT_TOO_LITTLE. */
  suggest: { ...read('/v1/suggest', suggestSchema), method: 'POST', params: suggestRequestSchema },
  /** E_AGENT_PROPOSAL when what is proposed is no policy. */
  lint: { ...read('/v1/lint', lintSchema), method: 'POST', params: lintRequestSchema },
  /** With one of no name for namespaces that no Tenant claims. */
  tenants: read('/v1/tenants', z.array(tenantSchema)),
  tenant: find('/v1/tenant', {
    params: tenantRefSchema,
    answer: tenantSchema,
    looksFor: ({ name }: TenantRef) => `tenant ${name}`,
  }),
  /** Who is apart from whom, for all packets, and whether the kernel of this node is as it is meant. */
  verify: { ...read('/v1/verify', verifySchema), method: 'POST', params: verifyRequestSchema },
  connections: stream('/v1/connections', connectionSchema),
  nodes: read('/v1/nodes', z.array(nodeSchema)),
  /** Asks the other nodes whether they answer, which takes half a second where one does not. */
  peers: read('/v1/peers', z.array(peerSchema)),
  services: read('/v1/services', serviceListSchema),
  footprint: read('/v1/footprint', footprintSchema),
  /** Looks at the node anew: what weakens it. Takes seconds when ports do not answer. */
  doctor: read('/v1/doctor', doctorSchema),
  /** Prometheus text format. */
  metrics: read('/v1/metrics', z.string()),
  /** Ends when all stored flows are sent and `follow` is false. */
  observe: { ...stream('/v1/observe', flowMessageSchema), method: 'POST', params: observeRequestSchema },
} as const satisfies Record<string, Route>;

export type Routes = typeof ROUTES;
export type RouteName = keyof Routes;

function read<Answer extends z.ZodType>(path: string, answer: Answer) {
  return { method: 'GET', path, params: undefined, answer, kind: 'one' } as const;
}

function stream<Answer extends z.ZodType>(path: string, answer: Answer) {
  return { method: 'GET', path, params: undefined, answer, kind: 'stream' } as const;
}

function find<Params extends z.ZodType, Answer extends z.ZodType>(
  path: string,
  what: { params: Params; answer: Answer; looksFor: (params: z.output<Params>) => string },
) {
  return { method: 'GET', path, kind: 'maybe', ...what } as const;
}
