import type { FlowMessage } from '../model/index.ts';
import type { AdminApi, EndpointRef, PolicyFilter } from './admin.ts';
import { apiErrors } from './errors.ts';
import type {
  AgentStatus,
  ConnectionView,
  DoctorReport,
  EndpointView,
  FootprintView,
  IdentityView,
  NodeView,
  ObserveRequest,
  PolicyView,
  ServiceList,
  TraceRequest,
  TraceView,
} from './schema.ts';

export type FakeState = {
  status: AgentStatus;
  endpoints: EndpointView[];
  identities: IdentityView[];
  policies: PolicyView[];
  connections: ConnectionView[];
  nodes: NodeView[];
  services: ServiceList;
  footprint: FootprintView;
  doctor: DoctorReport;
  /** Key: `from to protocol port`. Others are not known. */
  traces: Map<string, TraceView>;
  flows: FlowMessage[];
};

/** An agent that knows what it was told. `observe` takes a source, e.g. a FlowHub's `observe`. */
export class FakeAdmin implements AdminApi {
  readonly state: FakeState;
  readonly #observe: AdminApi['observe'];

  constructor(state: Partial<FakeState> = {}, observe?: AdminApi['observe']) {
    this.state = { ...emptyState(), ...state };
    this.#observe = observe ?? ((request, signal) => this.#storedFlows(request, signal));
  }

  status = async () => this.state.status;
  endpoints = async () => this.state.endpoints;
  identities = async () => this.state.identities;
  nodes = async () => this.state.nodes;
  services = async () => this.state.services;
  footprint = async () => this.state.footprint;
  doctor = async () => this.state.doctor;
  metrics = async () => `membrane_endpoints ${this.state.endpoints.length}\n`;

  async endpoint(ref: EndpointRef): Promise<EndpointView | undefined> {
    return this.state.endpoints.find((endpoint) =>
      'id' in ref ? endpoint.id === ref.id : endpoint.namespace === ref.namespace && endpoint.pod === ref.pod,
    );
  }

  async identity(id: number): Promise<IdentityView | undefined> {
    return this.state.identities.find((identity) => identity.id === id);
  }

  async policies(filter: PolicyFilter): Promise<PolicyView[]> {
    return this.state.policies.filter(
      ({ kind, namespace = '', name }) =>
        (filter.kind ?? kind) === kind &&
        (filter.namespace ?? namespace) === namespace &&
        (filter.name ?? name) === name,
    );
  }

  async trace({ from, to, protocol, port }: TraceRequest): Promise<TraceView> {
    const trace = this.state.traces.get([from, to, protocol, ...(port === undefined ? [] : [port])].join(' '));
    if (trace === undefined) throw apiErrors.make('E_API_NOT_FOUND', { detail: `"${from}" or "${to}"` });
    return trace;
  }

  async *connections(signal: AbortSignal): AsyncGenerator<readonly ConnectionView[]> {
    for (let at = 0; at < this.state.connections.length && !signal.aborted; at += 256) {
      yield this.state.connections.slice(at, at + 256);
    }
  }

  observe(request: ObserveRequest, signal: AbortSignal): AsyncIterable<readonly FlowMessage[]> {
    return this.#observe(request, signal);
  }

  async *#storedFlows(request: ObserveRequest, signal: AbortSignal): AsyncGenerator<readonly FlowMessage[]> {
    if (request.last > 0) yield this.state.flows.slice(-request.last);
    if (!request.follow || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
  }
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
    services: { enabled: false, items: [] },
    footprint: { programs: [], maps: [], features: [] },
    doctor: { findings: [] },
    traces: new Map(),
    flows: [],
  };
}
