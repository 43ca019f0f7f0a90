import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Caller } from './caller.ts';
import type {
  GetInventoryRequest,
  GetInventoryResponseSchema,
  GetProofRequest,
  GetProofResponseSchema,
  GetRemedyRequest,
  GetRemedyResponseSchema,
} from './gen/inventory/inventory_pb.js';
import type {
  GetAgentEventsRequest,
  GetAgentEventsResponse,
  GetFlowsRequest,
  GetNamespacesResponseSchema,
  GetNodesResponseSchema,
  ServerStatusResponseSchema,
} from './gen/observer/observer_pb.js';
import type { ChangeNotification } from './gen/peer/peer_pb.js';
import type { EncodedFlows } from './grpc-flows.ts';

/** What answers Hubble's clients: a node of its own flows, a relay of all nodes'. */
export type HubbleTeller = {
  /** In the order of time, as whoever asks may see them, and of each what he asks for. ConnectError for what cannot be asked. */
  readonly flows: (request: GetFlowsRequest, caller: Caller, signal: AbortSignal) => EncodedFlows;
  readonly status: (caller: Caller) => Promise<MessageInitShape<typeof ServerStatusResponseSchema>>;
  readonly nodes: (caller: Caller) => Promise<MessageInitShape<typeof GetNodesResponseSchema>>;
  readonly namespaces: (caller: Caller) => Promise<MessageInitShape<typeof GetNamespacesResponseSchema>>;
  /** What there is beside flows, of namespaces whose stored flows the caller may see. */
  readonly inventory: (
    request: Pick<GetInventoryRequest, 'withServices'>,
    caller: Caller,
  ) => Promise<MessageInitShape<typeof GetInventoryResponseSchema>>;
  /** Which tenants are apart, of those that are the caller's. PermissionDenied: none is. */
  readonly proof: (
    request: Pick<GetProofRequest, 'between'>,
    caller: Caller,
  ) => Promise<MessageInitShape<typeof GetProofResponseSchema>>;
  /** What would let a connection pass, as one node has it. */
  readonly remedy: (
    request: Omit<GetRemedyRequest, '$typeName'>,
    caller: Caller,
  ) => Promise<MessageInitShape<typeof GetRemedyResponseSchema>>;
  /** Undefined: who asks what an agent did is to ask that agent. */
  readonly events:
    | ((request: GetAgentEventsRequest, caller: Caller, signal: AbortSignal) => AsyncIterable<GetAgentEventsResponse>)
    | undefined;
  /** Undefined: who asks for nodes is to ask a node. */
  readonly peers: ((caller: Caller, signal: AbortSignal) => AsyncIterable<ChangeNotification>) | undefined;
};
