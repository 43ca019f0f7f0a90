export type { AdminBackend, EndpointRef, PolicyRef } from './backend.ts';
export { ApiClient } from './client.ts';
export { FakeBackend } from './fake.ts';
export { metricsServer } from './metrics-server.ts';
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
  ServiceList,
  ServiceView,
  TraceRequest,
  TraceView,
} from './schema.ts';
export { AdminServer } from './server.ts';
