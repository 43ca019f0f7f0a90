import type { EventType, Hook } from './gen/enums.ts';
import type { Direction } from './policy-table.ts';

/** What happened: a connection was allowed, ended, judged anew after a policy change, or a packet was dropped. */
export const FLOW_TYPES = ['open', 'close', 'renew', 'drop'] as const satisfies readonly EventType[];
export type FlowType = (typeof FLOW_TYPES)[number];

export const FLOW_VERDICTS = ['forwarded', 'dropped'] as const;
export type FlowVerdict = (typeof FLOW_VERDICTS)[number];

/** Which program of the datapath saw the packet; `socket`: what a process asked for, before there was one. */
export const FLOW_HOOKS = [
  'from-pod',
  'to-pod',
  'from-netdev',
  'to-netdev',
  'socket',
  'from-overlay',
  'to-overlay',
] as const satisfies readonly Hook[];
export type FlowHook = (typeof FLOW_HOOKS)[number];

export const TCP_FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const;
export type TcpFlag = (typeof TCP_FLAGS)[number];

/** One end of a flow, as far as it is known. Empty `labels`: the identity is unknown to this agent. */
export type FlowEnd = {
  readonly addr: string;
  /** TCP, UDP and SCTP only. */
  readonly port?: number;
  /** 0: unknown. */
  readonly identity: number;
  /** `k8s:app=web`, `reserved:world`, sorted. */
  readonly labels: readonly string[];
  readonly namespace?: string;
  readonly pod?: string;
  /** Endpoint id on this node; absent for everything that is not a local pod. */
  readonly endpoint?: number;
};

/** The rule that decided, as text: `NetworkPolicy tenant-a/backend ingress[0]`. Absent: a default decided. */
export type FlowRules = { readonly [D in Direction]?: string };

/** Why policy dropped it. */
export type FlowDenial = {
  /** Of the pod whose policies decided. */
  readonly direction: Direction;
  /**
   * `policies` isolate the pod; `enforcement` is "always"; a `rule` denies; `closed`: what its policies say is not in
   * force; `changed`: what is in force by now would let it pass.
   */
  readonly by: 'policies' | 'enforcement' | 'rule' | 'closed' | 'changed';
  /** `NetworkPolicy tenant-a/backend` */
  readonly policies: readonly string[];
  /** One sentence. */
  readonly reason: string;
  /** By what was in force when it came, or, where that is not remembered, by what is in force when it is looked at. */
  readonly judged?: 'then' | 'later';
  /** The rule that would have allowed it, had the fewest of its conditions failed. */
  readonly nearestMiss?: {
    readonly policy: string;
    /** `ingress rule 1` */
    readonly rule: string;
    /** Its conditions that failed: `port 9090`. */
    readonly wants: string;
    readonly because: string;
  };
};

export const FLOW_CHANGES = ['would-drop', 'would-allow'] as const;

/** What would become of it by what is not in force yet. */
export type FlowShadow = {
  readonly change: (typeof FLOW_CHANGES)[number];
  /** A Tenant that observes, or policies that are staged. */
  readonly by: 'tenant' | 'policy';
  /** The drop reason that it would have, or would have no more. */
  readonly reason: string;
  /** One sentence. */
  readonly text: string;
  /** Of `policy`: those that decide then, `NetworkPolicy tenant-a/backend`. */
  readonly policies?: readonly string[];
};

/** One record of what the datapath decided, as people see it. Plain data: it goes over the wire as JSON. */
export type Flow = {
  /** Milliseconds since the epoch, with a fraction where the source has it. */
  readonly time: number;
  readonly node: string;
  readonly type: FlowType;
  readonly verdict: FlowVerdict;
  /** Name of the drop reason, e.g. `policy-ingress`; only of dropped flows. */
  readonly dropReason?: string;
  /** Seen from the pod at whose device it happened. */
  readonly direction: Direction;
  readonly source: FlowEnd;
  readonly destination: FlowEnd;
  /** `TCP`, `UDP`, ..., or the IANA number in decimal; `ARP`, `IPv6` or `0x88cc` when not IPv4. */
  readonly protocol: string;
  readonly tcpFlags: readonly TcpFlag[];
  readonly rules: FlowRules;
  /** Of packets that policy dropped. */
  readonly denial?: FlowDenial;
  readonly shadow?: FlowShadow;
  readonly isReply: boolean;
  /** Bytes of the packet; 0 where there was none. */
  readonly length: number;
  /** Device whose program saw it; 0: none. */
  readonly ifindex: number;
  readonly hook: FlowHook;
};

/** Where flows were lost: in the kernel's ring, in the agent's memory (overwritten), or at a slow reader. */
export const FLOW_LOSS_PLACES = ['kernel', 'store', 'reader'] as const;
export type FlowLossPlace = (typeof FLOW_LOSS_PLACES)[number];

/** What a reader of flows receives. `lost` counts exactly the flows that are missing at this place of the stream. */
export type FlowMessage =
  | { readonly kind: 'flow'; readonly flow: Flow }
  | { readonly kind: 'lost'; readonly place: FlowLossPlace; readonly count: number };

/** Which flows a reader wants. Different fields: all must hold; several values in one field: any of them. */
export type FlowFilter = {
  /** `namespace/name`, or `namespace/` for all of a namespace. */
  readonly fromPod?: readonly string[];
  readonly toPod?: readonly string[];
  /** Either end. */
  readonly pod?: readonly string[];
  /** Either end is in this namespace. */
  readonly namespace?: readonly string[];
  /** `k8s:app=web`, `app=web` (any source) or `app` (any value). */
  readonly fromLabel?: readonly string[];
  readonly toLabel?: readonly string[];
  readonly fromIdentity?: readonly number[];
  readonly toIdentity?: readonly number[];
  readonly verdict?: readonly FlowVerdict[];
  readonly type?: readonly FlowType[];
  readonly reason?: readonly string[];
  /** Port of either end. */
  readonly port?: readonly number[];
  /** Case does not matter. */
  readonly protocol?: readonly string[];
};
