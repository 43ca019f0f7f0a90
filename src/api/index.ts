export type { AdminBackend, EndpointRef, PolicyRef } from './backend.ts';
export { ApiClient, type ApiClientOptions, type ObserveQuery } from './client.ts';
export { apiErrors } from './errors.ts';
export { FakeBackend, type FakeState } from './fake.ts';
export { type MetricsServerOptions, metricsServer } from './metrics-server.ts';
export type {
  AgentStatus,
  Check,
  ConnectionView,
  EndpointView,
  FootprintView,
  IdentityView,
  NodeView,
  ObserveLine,
  ObserveRequest,
  PolicyView,
  Problem,
  ServiceList,
  ServiceView,
  TraceRequest,
  TraceView,
} from './schema.ts';
export { AdminServer, type AdminServerOptions } from './server.ts';
