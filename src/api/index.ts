export type { AdminBackend, EndpointRef, PolicyRef } from './backend.ts';
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
