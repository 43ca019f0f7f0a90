export { DROP_REASON_TEXTS, type DropReasonText } from './drop-reason.ts';
export {
  duplicate,
  type FieldError,
  fieldErrorBody,
  fieldErrorMessage,
  fieldErrorTitle,
  forbiddenField,
  GoValue,
  invalid,
  notFoundField,
  notSupported,
  required,
  tooLong,
  tooMany,
  unknownField,
} from './field-error.ts';
export {
  FLOW_CHANGES,
  FLOW_HOOKS,
  FLOW_LOSS_PLACES,
  FLOW_TYPES,
  FLOW_VERDICTS,
  type Flow,
  type FlowDenial,
  type FlowEnd,
  type FlowFilter,
  type FlowHook,
  type FlowLossPlace,
  type FlowMessage,
  type FlowRules,
  type FlowShadow,
  type FlowType,
  type FlowVerdict,
  TCP_FLAGS,
  type TcpFlag,
} from './flow.ts';
export {
  BACKEND_FLAG,
  type CtFlag,
  type DropReason,
  type EventType,
  type Hook,
  RESERVED_NAME,
  type ReservedName,
  SERVICE_FLAG,
  type ServiceScope,
} from './gen/enums.ts';
export {
  CLOSED_CONNECTIONS,
  FIRST_OUTSIDE,
  IDENTITY_CIDR_MAX,
  IDENTITY_CIDR_MIN,
  IDENTITY_CLUSTER_MAX,
  IDENTITY_CLUSTER_MIN,
  MAX_ENDPOINTS,
  STALE_OWNER_TICKS,
  TICK_BITS,
  WORLD_OPENINGS,
} from './gen/numbers.ts';
export {
  type CidrIdentity,
  type Identity,
  identityLabels,
  identityNamedPorts,
  type PodIdentity,
  type ReservedIdentity,
} from './identity.ts';
export type { IdentityObject } from './identity-object.ts';
export type { IdentityReceipt } from './identity-receipt.ts';
export {
  DEFAULT_RULE,
  type EndpointId,
  endpointId,
  type IdentityId,
  type Ifindex,
  identityId,
  ifindex,
  type PolicyRevision,
  type PolicyTableId,
  policyRevision,
  policyTableId,
  type RuleId,
  ruleId,
} from './ids.ts';
export {
  isInternalKey,
  type Label,
  type LabelMap,
  type LabelSource,
  labelMap,
  NAMESPACE_LABEL_PREFIX,
} from './labels.ts';
export {
  configKeyFaults,
  dnsLabel1035Faults,
  dnsLabelFaults,
  dnsSubdomainFaults,
  envNameFaults,
  labelKeyFaults,
  labelValueFaults,
  portNameFaults,
  portNumberFaults,
} from './name-faults.ts';
export type { NamespaceRow } from './namespace-row.ts';
export { type NodeEndpoint, type NodeEndpointSlice, nodeEndpointSliceName } from './node-endpoint-slice.ts';
export type { NodeProof, SaidProof, TenantRules, TenantTold } from './node-proof.ts';
export type { NodeRow } from './node-row.ts';
export type { ObjectRow } from './object-row.ts';
export type { HostPort, PodRow } from './pod-row.ts';
export {
  type Entity,
  type EntitySelector,
  formatOrigin,
  formatRule,
  type PeerSelector,
  type PodSelector,
  type PolicyEntry,
  type PortSpec,
  type PrefixSelector,
  type RuleOrigin,
  type Tier,
} from './policy-entry.ts';
export { type PolicyKey, type PolicyName, policyKey } from './policy-key.ts';
export { MIRROR_LABEL, type PolicyObject, STAGE_ANNOTATION } from './policy-object.ts';
export {
  DIRECTIONS,
  type Direction,
  EMPTY_TABLE,
  groupText,
  type PolicyRow,
  type PolicyTable,
  type PolicyTableValue,
} from './policy-table.ts';
export {
  EVERYTHING,
  formatSelector,
  type LabelSelector,
  type LabelSelectorSource,
  labelSelector,
  type Requirement,
  type SelectorOperator,
  selectorMatches,
} from './selector.ts';
export { labelValueWarnings, validateLabelSelector, validateLabels } from './selector-faults.ts';
export {
  type Backend,
  type Frontend,
  type FrontendKind,
  frontendKey,
  type ServicePort,
  type ServiceProblem,
  type ServiceProtocol,
  type ServiceSpec,
  type ServiceType,
  type SliceEndpoint,
  type SlicePort,
  type SliceSpec,
  type TrafficPolicy,
} from './service.ts';
export {
  HIDDEN_PEER,
  NO_LIMITS,
  type PeerSight,
  type SelectedSystemService,
  SYSTEM_SERVICES,
  type SystemService,
  TENANT_METADATA,
  TENANT_MODES,
  TENANT_NODES,
  TENANT_PEERS,
  TENANT_WORLDS,
  type TenantBoundary,
  type TenantClaims,
  type TenantExport,
  type TenantImport,
  type TenantLimits,
  type TenantPeers,
  type TenantRow,
  type TenantShare,
  type TenantShareOf,
  type TenantWorld,
} from './tenant-row.ts';
export type { Decision, Reason, Verdict } from './verdict.ts';
export { type NamedPort, type Workload, workloadKey } from './workload.ts';
