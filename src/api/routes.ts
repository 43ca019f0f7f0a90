import { z } from 'zod';
import { namespacedName } from '../base/index.ts';
import { PLACES } from './places.ts';
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
import { policyFilterSchema, policySchema } from './views/policy.ts';
import { serviceListSchema } from './views/service.ts';
import { statusSchema } from './views/status.ts';
import { traceRequestSchema, traceSchema } from './views/trace.ts';

/**
 * The admin API, version v1: JSON, and JSON lines for streams. Fields are only ever added: who reads an answer ignores what it
 * does not know; what a request says is understood whole or refused. Times are RFC 3339 text except in flows (milliseconds since the epoch).
 */
export const ROUTES = {
  status: { ...PLACES.status, params: undefined, answer: statusSchema },
  endpoints: { ...PLACES.endpoints, params: undefined, answer: z.array(endpointSchema) },
  /** With counters. */
  endpoint: {
    ...PLACES.endpoint,
    params: endpointRefSchema,
    answer: endpointSchema,
    looksFor: (ref: EndpointRef) =>
      'id' in ref ? `endpoint ${ref.id}` : `endpoint of pod ${namespacedName({ ...ref, name: ref.pod })}`,
  },
  identities: { ...PLACES.identities, params: undefined, answer: z.array(identitySchema) },
  identity: {
    ...PLACES.identity,
    params: identityRefSchema,
    answer: identitySchema,
    looksFor: ({ id }: IdentityRef) => `identity ${id}`,
  },
  policies: { ...PLACES.policies, params: policyFilterSchema, answer: z.array(policySchema) },
  /** Fails when an end is not known. */
  trace: { ...PLACES.trace, params: traceRequestSchema, answer: traceSchema },
  /** E_AGENT_PROPOSAL when what is proposed is no policy. */
  lint: { ...PLACES.lint, params: lintRequestSchema, answer: lintSchema },
  connections: { ...PLACES.connections, params: undefined, answer: connectionSchema },
  nodes: { ...PLACES.nodes, params: undefined, answer: z.array(nodeSchema) },
  services: { ...PLACES.services, params: undefined, answer: serviceListSchema },
  footprint: { ...PLACES.footprint, params: undefined, answer: footprintSchema },
  /** Looks at the node anew: what weakens it. Takes seconds when ports do not answer. */
  doctor: { ...PLACES.doctor, params: undefined, answer: doctorSchema },
  /** Prometheus text format. */
  metrics: { ...PLACES.metrics, params: undefined, answer: z.string() },
  /** Ends when all stored flows are sent and `follow` is false. */
  observe: { ...PLACES.observe, params: observeRequestSchema, answer: flowMessageSchema },
} as const satisfies Record<keyof typeof PLACES, Route>;

export type Routes = typeof ROUTES;
export type RouteName = keyof Routes;
