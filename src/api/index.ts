export type { AdminApi, EndpointRef, PolicyFilter } from './admin.ts';
export { ApiClient } from './client.ts';
export { FakeAdmin } from './fake.ts';
export { metricsServer } from './metrics-server.ts';
export type {
  AgentStatus,
  Check,
  ConnectionView,
  DoctorReport,
  EndpointView,
  Finding,
  FootprintView,
  IdentityView,
  NodeView,
  ObserveLine,
  ObserveRequest,
  PolicyView,
  ServiceList,
  ServiceView,
  Severity,
  TraceRequest,
  TraceView,
} from './schema.ts';
export { SEVERITIES } from './schema.ts';
export { AdminServer } from './server.ts';
