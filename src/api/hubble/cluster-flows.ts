import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { create, fromBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { errorMessage } from '../../base/index.ts';
import type { FlowLossPlace, FlowMessage } from '../../model/index.ts';
import { authenticate, type Identify } from './authenticate.ts';
import type { Caller } from './caller.ts';
import { hubbleErrors } from './errors.ts';
import { timestamp } from './flow-message.ts';
import { flowRecord } from './flow-record.ts';
import { LostEventSource } from './gen/flow/flow_pb.js';
import {
  GetInventoryResponseSchema,
  GetProofRequestSchema,
  GetProofResponseSchema,
  GetRemedyResponseSchema,
  type NodeProof,
} from './gen/inventory/inventory_pb.js';
import { GetFlowsRequestSchema, GetFlowsResponseSchema } from './gen/observer/observer_pb.js';
import { NodeState } from './gen/relay/relay_pb.js';
import { whileHeld } from './held.ts';
import type { HubbleTeller } from './teller.ts';

/** `last`: the newest so many, of those that are stored. Times in ms since the epoch. */
export type ClusterFlowQuery = {
  readonly last?: number;
  readonly since?: number;
  readonly until?: number;
  readonly follow?: boolean;
};

/** What one node tells of what there is; `isWhole`: of all namespaces. */
export type ClusterInventory = {
  readonly node: string;
  readonly isWhole: boolean;
  readonly policies: number;
  /** Of which he may see all namespaces. `closed`: why, or empty. */
  readonly tenants: readonly {
    readonly name: string;
    readonly namespaces: readonly string[];
    readonly closed: string;
  }[];
  readonly pods: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly addresses: readonly string[];
    readonly state: string;
    readonly enforced: { readonly ingress: boolean; readonly egress: boolean };
  }[];
  readonly services: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly type: string;
    readonly state: string;
    readonly frontends: readonly {
      readonly kind: string;
      readonly address: string;
      readonly port: number;
      readonly protocol: string;
    }[];
    readonly backends: readonly string[];
    readonly backendCount: number;
    readonly problems: readonly string[];
  }[];
};

/** What one node has proved, as whoever asks may see it; see `NodeProof` of the protocol. */
export type ClusterProof = Omit<NodeProof, '$typeName' | 'name'> & { readonly node: string };

type RemedyStep = { readonly direction: string; readonly verdict: string; readonly reason: string };

/** What would let a connection pass. `policies`: JSON; `after`: what each step would say with them. */
export type ClusterRemedy = {
  readonly verdict: string;
  readonly steps: readonly RemedyStep[];
  readonly noChange: string;
  readonly change?:
    | {
        readonly policies: readonly string[];
        readonly after: readonly RemedyStep[];
        readonly opens: readonly { readonly from: string; readonly to: string; readonly packets: readonly string[] }[];
        readonly closes: readonly { readonly from: string; readonly to: string; readonly packets: readonly string[] }[];
        readonly more: number;
        readonly isWhole: boolean;
      }
    | undefined;
};

export type ClusterNode = { readonly name: string; readonly version: string; readonly isConnected: boolean };

/** As it came in. */
export type ShownRequest = { readonly headers: IncomingHttpHeaders; readonly socket: Socket };

const PORT = { kind: 'port', relayCa: () => undefined } as const;

/**
 * The flows of all nodes for one reader at a time, in our own words. Nodes judge what he may see, each end of each flow: what
 * is not for him does not come here.
 */
export class ClusterFlows {
  readonly #teller: HubbleTeller;
  readonly #identify: Identify | undefined;

  constructor(teller: HubbleTeller, identify: Identify | undefined) {
    this.#teller = teller;
    this.#identify = identify;
  }

  /** Who shows this: a token, or a certificate of users. E_HUBBLE_NOBODY, E_HUBBLE_AWAY. */
  async whoShows({ headers, socket }: ShownRequest): Promise<Caller> {
    try {
      return await authenticate({ headers, socket }, PORT, this.#identify);
    } catch (error) {
      throw inOwnWords(error);
    }
  }

  /** In the order of time, and what is missing. E_HUBBLE_*; a right or a token that is taken away ends it so. */
  async *flows(caller: Caller, query: ClusterFlowQuery, signal: AbortSignal): AsyncGenerator<FlowMessage> {
    const { last = 0, since, until, follow = false } = query;
    const request = create(GetFlowsRequestSchema, {
      number: BigInt(last),
      follow,
      ...(since === undefined ? {} : { since: timestamp(since) }),
      ...(until === undefined ? {} : { until: timestamp(until) }),
    });
    try {
      const open = (held: AbortSignal) => this.#teller.flows(request, caller, held);
      for await (const group of whileHeld(caller, signal, open)) for (const bytes of group) yield* messagesIn(bytes);
    } catch (error) {
      throw inOwnWords(error);
    }
  }

  async nodes(caller: Caller): Promise<ClusterNode[]> {
    const { nodes = [] } = await this.#teller.nodes(caller);
    return nodes.map(({ name = '', version = '', state }) => ({
      name: bareName(name),
      version,
      isConnected: state === NodeState.NODE_CONNECTED,
    }));
  }

  /** Of namespaces whose stored flows he may see, as nodes judge; one that does not answer, or is too old to, is not among them. */
  async inventory(caller: Caller): Promise<ClusterInventory[]> {
    const { nodes } = create(GetInventoryResponseSchema, await this.#teller.inventory({ withServices: true }, caller));
    return nodes.map(({ name, isWhole, policies, tenants, pods, services }) => ({
      node: bareName(name),
      isWhole,
      policies,
      tenants,
      pods: pods.map(({ ingressEnforced: ingress, egressEnforced: egress, ...pod }) => ({
        ...pod,
        enforced: { ingress, egress },
      })),
      services,
    }));
  }

  /** Of tenants that are his, as each node says. E_HUBBLE_FORBIDDEN: none is. */
  async proof(caller: Caller, between?: { readonly from: string; readonly to: string }): Promise<ClusterProof[]> {
    try {
      const request = create(GetProofRequestSchema, between === undefined ? {} : { between });
      const { nodes } = create(GetProofResponseSchema, await this.#teller.proof(request, caller));
      return nodes.map(({ name, ...rest }) => ({ ...rest, node: bareName(name) }));
    } catch (error) {
      throw inOwnWords(error);
    }
  }

  /** As the node says that told of the flow. E_HUBBLE_FORBIDDEN, E_HUBBLE_UNSAID. */
  async remedy(
    caller: Caller,
    request: {
      readonly node: string;
      readonly from: string;
      readonly to: string;
      readonly protocol: string;
      readonly port?: number | undefined;
    },
  ): Promise<ClusterRemedy> {
    try {
      return create(GetRemedyResponseSchema, await this.#teller.remedy(request, caller));
    } catch (error) {
      throw inOwnWords(error);
    }
  }

  /** Those whose stored flows he may see. */
  async namespaces(caller: Caller): Promise<string[]> {
    const { namespaces = [] } = await this.#teller.namespaces(caller);
    return namespaces.map(({ namespace = '' }) => namespace);
  }
}

/** Of `cluster/node`. */
const bareName = (name: string): string => name.slice(name.indexOf('/') + 1);

const PLACES: ReadonlyMap<LostEventSource, FlowLossPlace> = new Map([
  [LostEventSource.PERF_EVENT_RING_BUFFER, 'kernel'],
  [LostEventSource.OBSERVER_EVENTS_QUEUE, 'reader'],
]);

function messagesIn(bytes: Uint8Array): FlowMessage[] {
  const { case: kind, value } = fromBinary(GetFlowsResponseSchema, bytes).responseTypes;
  if (kind === 'flow') return [{ kind: 'flow', flow: flowRecord(value) }];
  if (kind !== 'lostEvents') return [];
  return [{ kind: 'lost', place: PLACES.get(value.source) ?? 'reader', count: Number(value.numEventsLost) }];
}

function inOwnWords(error: unknown): unknown {
  if (!(error instanceof ConnectError)) return error;
  const make = { detail: error.rawMessage, cause: error };
  if (error.code === Code.Unauthenticated) return hubbleErrors.make('E_HUBBLE_NOBODY', make);
  if (error.code === Code.PermissionDenied) return hubbleErrors.make('E_HUBBLE_FORBIDDEN', make);
  if (error.code === Code.Unavailable)
    return hubbleErrors.make('E_HUBBLE_AWAY', { ...make, detail: errorMessage(error) });
  if (UNSAID.has(error.code)) return hubbleErrors.make('E_HUBBLE_UNSAID', make);
  return error;
}

const UNSAID: ReadonlySet<Code> = new Set([
  Code.FailedPrecondition,
  Code.ResourceExhausted,
  Code.NotFound,
  Code.Unimplemented,
  Code.DeadlineExceeded,
]);
