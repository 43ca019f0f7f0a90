import type { FlowMessage } from '../model/index.ts';
import type { AdminApi } from './admin.ts';
import { apiErrors } from './errors.ts';
import type { Handler, Readable, Route } from './route.ts';
import { ROUTES, type RouteName, type Routes } from './routes.ts';
import type { ConnectionView } from './views/connection.ts';
import type { EndpointView } from './views/endpoint.ts';
import type { ObserveRequest } from './views/flow-query.ts';
import type { IdentityView } from './views/identity.ts';
import type { LintView } from './views/lint.ts';
import type { PolicyView } from './views/policy.ts';
import type { ReplayView } from './views/replay.ts';
import type { TraceView } from './views/trace.ts';
import type { VerifyView } from './views/verify.ts';

/** Routes that are asked for nothing and answer at once. */
type Plain = {
  [Name in RouteName]: Routes[Name]['params'] extends undefined
    ? Routes[Name]['kind'] extends 'one'
      ? Name
      : never
    : never;
}[RouteName];

/** What the agent answers, by route. */
export type FakeState = { [Name in Plain]?: Awaited<ReturnType<Handler<Routes[Name]>>> } & {
  endpoints: Readable<EndpointView>[];
  identities: Readable<IdentityView>[];
  policies: Readable<PolicyView>[];
  connections: Readable<ConnectionView>[];
  lint?: LintView;
  replay?: Readable<ReplayView>;
  verify?: Readable<VerifyView>;
  /** Key: `from to protocol port`. Others are not known. */
  traces: Map<string, TraceView>;
  flows: FlowMessage[];
};

/** An agent that knows what it was told; each of its answers may be replaced. */
export type FakeAdmin = { -readonly [Name in RouteName]: AdminApi[Name] } & { readonly state: FakeState };

/** `observe` takes a source, e.g. a FlowHub's `observe`. */
export function fakeAdmin(told: Partial<FakeState> = {}, observe?: AdminApi['observe']): FakeAdmin {
  const state: FakeState = { ...emptyState(), ...told };
  // What needs more than to be told: every other route answers what stands under its name.
  const own: Partial<AdminApi> = {
    endpoint: async (ref) =>
      state.endpoints.find((endpoint) =>
        'id' in ref ? endpoint.id === ref.id : endpoint.namespace === ref.namespace && endpoint.pod === ref.pod,
      ),
    identity: async ({ id }) => state.identities.find((identity) => identity.id === id),
    tenant: async ({ name }) => state.tenants?.find((tenant) => tenant.name === name),
    policies: async (filter) =>
      state.policies.filter(
        ({ kind, namespace = '', name }) =>
          (filter.kind ?? kind) === kind &&
          (filter.namespace ?? namespace) === namespace &&
          (filter.name ?? name) === name,
      ),
    trace: async ({ from, to, protocol, port }) => {
      const trace = state.traces.get([from, to, protocol, ...(port === undefined ? [] : [port])].join(' '));
      if (trace === undefined) throw apiErrors.make('E_API_NOT_FOUND', { detail: `"${from}" or "${to}"` });
      return trace;
    },
    lint: async () => state.lint ?? { findings: [] },
    observe: observe ?? ((request, ending) => storedFlows(state.flows, request, ending)),
  };
  const answers = Object.entries(ROUTES).map(([name, route]) => [name, answerOf(state, name, route)]);
  return { ...(Object.fromEntries(answers) as AdminApi), ...own, state };
}

function answerOf(state: Readonly<Record<string, unknown>>, name: string, route: Route): unknown {
  if (route.kind === 'stream') return (ending: AbortSignal) => groupsOf(state[name] as readonly unknown[], ending);
  return async () => {
    if (state[name] === undefined) throw apiErrors.make('E_API_NOT_FOUND', { detail: `the fake was told no ${name}` });
    return state[name];
  };
}

async function* groupsOf(values: readonly unknown[], ending: AbortSignal): AsyncGenerator<readonly unknown[]> {
  for (let at = 0; at < values.length && !ending.aborted; at += 256) yield values.slice(at, at + 256);
}

async function* storedFlows(
  flows: readonly FlowMessage[],
  request: ObserveRequest,
  ending: AbortSignal,
): AsyncGenerator<readonly FlowMessage[]> {
  const { last, first, since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = request;
  const isBounded = [first, request.since, request.until].some((bound) => bound !== undefined);
  const within = flows.filter((one) => one.kind !== 'flow' || (one.flow.time >= since && one.flow.time <= until));
  if (last !== undefined && last > 0) yield within.slice(-last);
  else if (last === undefined && isBounded) yield within.slice(0, first);
  if (!request.follow || ending.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  ending.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

function emptyState(): FakeState {
  return {
    status: {
      node: 'node-1',
      cluster: 'default',
      version: '0.0.0',
      pid: process.pid,
      startedAt: '2026-01-01T00:00:00.000Z',
      ready: true,
      kernel: '6.12.0',
      policyEnforcement: 'default',
      policyRevision: 1,
      features: {},
      checks: [],
      counts: { endpoints: 0, endpointsReady: 0, identities: 0, policies: 0, nodes: 0 },
      flows: { seen: 0, stored: 0, readers: 0, lost: { kernel: 0, store: 0, reader: 0 } },
    },
    endpoints: [],
    identities: [],
    policies: [],
    connections: [],
    nodes: [],
    peers: [],
    tenants: [],
    services: { enabled: false, items: [] },
    footprint: {
      programs: [],
      maps: [],
      totals: {
        programs: 0,
        instructions: 0,
        jitedBytes: 0,
        programMemlockBytes: 0,
        maps: 0,
        mapMemlockBytes: 0,
      },
      whatIf: [],
      features: [],
    },
    doctor: { findings: [] },
    metrics: 'membrane_endpoints 0\n',
    traces: new Map(),
    flows: [],
  };
}
