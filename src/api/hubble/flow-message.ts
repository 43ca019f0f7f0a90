import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack, StringValueSchema, type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import type { FlowEnd, Flow as FlowRecord } from '../../model/index.ts';
import { dropNumber } from './drop-number.ts';
import { eventTypeOf, observationPoint } from './event-type.ts';
import {
  type EndpointSchema,
  type Flow,
  FlowSchema,
  FlowType,
  IPVersion,
  type Layer4Schema,
  type PolicySchema,
  TraceReason,
  TrafficDirection,
  Verdict,
} from './gen/flow/flow_pb.js';
import { summaryOf } from './summary.ts';

/** A rule matched, or there was none to match. What of the packet it matched is not told. */
const MATCHED = { none: 0, rule: 2 } as const;

export type FlowInit = MessageInitShape<typeof FlowSchema>;

/** A flow as Hubble's clients read it. */
export const flowMessage = (flow: FlowRecord, cluster: string): Flow => create(FlowSchema, flowInit(flow, cluster));

/** What such a message is made of. */
export function flowInit(flow: FlowRecord, cluster: string): Exclude<FlowInit, Flow> {
  const number = dropNumber(flow.dropReason, flow.denial?.by === 'rule');
  const isDropped = flow.verdict === 'dropped';
  const ip = ipOf(flow);
  const isTrace = flow.type === 'close';
  return {
    time: timestamp(flow.time),
    verdict: isDropped ? Verdict.DROPPED : Verdict.FORWARDED,
    dropReason: number,
    dropReasonDesc: number,
    ...(ip === undefined ? {} : { IP: ip }),
    ...layer4(flow),
    source: endpoint(flow.source, cluster),
    destination: endpoint(flow.destination, cluster),
    Type: FlowType.L3_L4,
    nodeName: nodeName(cluster, flow.node),
    reply: flow.isReply,
    isReply: flow.isReply,
    eventType: eventTypeOf(flow),
    trafficDirection: flow.direction === 'ingress' ? TrafficDirection.INGRESS : TrafficDirection.EGRESS,
    ...(isDropped || isTrace ? {} : { policyMatchType: matched(flow) }),
    ...(isTrace ? { traceObservationPoint: observationPoint(flow), traceReason: traceReason(flow) } : {}),
    ...(flow.ifindex === 0 ? {} : { interface: { index: flow.ifindex } }),
    ...policies(flow),
    Summary: summaryOf(flow),
    extensions: anyPack(StringValueSchema, create(StringValueSchema, { value: ownWords(flow) })),
  };
}

export const nodeName = (cluster: string, node: string): string => `${cluster}/${node}`;

/** Milliseconds since the epoch, with a fraction. */
export function timestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1_000);
  const nanos = Math.min(999_999_999, Math.round((ms - seconds * 1_000) * 1e6));
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos });
}

export function milliseconds({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000 + nanos / 1e6;
}

/** IPv6 whose addresses are not known yet has none. */
function ipOf({ source, destination, protocol }: FlowRecord) {
  if (protocol === 'ARP' || protocol === 'VLAN' || protocol.startsWith('0x')) return undefined;
  const isSix = source.addr.includes(':') || destination.addr.includes(':');
  return {
    source: source.addr,
    destination: destination.addr,
    ipVersion: isSix || protocol === 'IPv6' ? IPVersion.IPv6 : IPVersion.IPv4,
  };
}

function layer4(flow: FlowRecord): { l4?: MessageInitShape<typeof Layer4Schema> } {
  const ports = { sourcePort: flow.source.port ?? 0, destinationPort: flow.destination.port ?? 0 };
  switch (flow.protocol) {
    case 'TCP':
      return { l4: { protocol: { case: 'TCP', value: { ...ports, flags: flagsOf(flow) } } } };
    case 'UDP':
      return { l4: { protocol: { case: 'UDP', value: ports } } };
    case 'SCTP':
      return { l4: { protocol: { case: 'SCTP', value: ports } } };
    // Of ICMP only queries and their answers make a connection; which kind of query is not recorded: an echo, as a rule.
    case 'ICMP':
      return { l4: { protocol: { case: 'ICMPv4', value: { type: flow.isReply ? 0 : 8 } } } };
    case 'ICMPv6':
      return { l4: { protocol: { case: 'ICMPv6', value: { type: flow.isReply ? 129 : 128 } } } };
    default:
      return {};
  }
}

function flagsOf({ tcpFlags }: FlowRecord) {
  return Object.fromEntries(tcpFlags.map((flag) => [flag, true]));
}

function endpoint(end: FlowEnd, cluster: string): MessageInitShape<typeof EndpointSchema> {
  return {
    ID: end.endpoint ?? 0,
    identity: end.identity,
    clusterName: end.pod === undefined ? '' : cluster,
    namespace: end.namespace ?? '',
    labels: [...end.labels],
    podName: end.pod ?? '',
  };
}

function traceReason({ isReply }: FlowRecord): TraceReason {
  return isReply ? TraceReason.REPLY : TraceReason.ESTABLISHED;
}

/** One event is told of both ends: either's rule counts. */
function matched({ rules }: FlowRecord): number {
  return rules.egress === undefined && rules.ingress === undefined ? MATCHED.none : MATCHED.rule;
}

/** Which policies let it pass, by direction; or which denied it by a rule of theirs. */
function policies({ verdict, rules, denial }: FlowRecord) {
  const list = (text: string | undefined) => (text === undefined ? [] : policyOf(text));
  if (verdict === 'forwarded') return { egressAllowedBy: list(rules.egress), ingressAllowedBy: list(rules.ingress) };
  if (denial?.by !== 'rule') return { egressDeniedBy: list(rules.egress), ingressDeniedBy: list(rules.ingress) };
  const by = denial.policies.flatMap(policyOf);
  return denial.direction === 'egress' ? { egressDeniedBy: by } : { ingressDeniedBy: by };
}

/** `NetworkPolicy tenant-a/backend, ingress rule 0`, `ClusterNetworkPolicy baseline` */
function policyOf(text: string): MessageInitShape<typeof PolicySchema>[] {
  const found = /^(?!rule )(\S+) (?:([^\s,/]+)\/)?([^\s,/]+)(?:,|$)/.exec(text);
  if (found === null) return [];
  const [, kind = '', namespace = '', name = ''] = found;
  return [{ kind, namespace, name }];
}

/** What Hubble has no field for, as JSON: a type that every client can print. */
function ownWords({ type, dropReason, denial, shadow, rules, hook, length, protocol }: FlowRecord): string {
  return JSON.stringify({ type, dropReason, denial, shadow, rules, hook, length, protocol });
}
