import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { namespacedName } from '../../../base/index.ts';
import type { FlowEnd, FlowLossPlace, Flow as FlowRecord } from '../../../model/index.ts';
import {
  DropReason,
  type Endpoint,
  type Flow,
  IPVersion,
  type Policy,
  TrafficDirection,
  Verdict,
} from '../gen/flow/flow_pb.js';
import { type AnyValueSchema, LogRecordSchema, SeverityNumber } from '../gen/otlp/logs_pb.js';

/** What an attribute may be. Nothing, an empty text and an empty list: there is none. */
type AttributeValue = string | number | boolean | readonly string[] | undefined;
type Attributes = Readonly<Record<string, AttributeValue>>;

const SEVERITIES = {
  info: { severityNumber: SeverityNumber.INFO, severityText: 'INFO' },
  warn: { severityNumber: SeverityNumber.WARN, severityText: 'WARN' },
} as const;

/**
 * A flow as a LogRecord. `told` is what of it may be told, as Hubble has it; own words are those of the flow. Names of attributes
 * are OpenTelemetry's where it has one, and begin with `membrane.` where not.
 */
export function flowLog(flow: FlowRecord, told: Flow): Uint8Array {
  const { verdict } = told;
  return encode({
    timeUnixNano: nanoseconds(flow.time),
    eventName: 'membrane.flow',
    ...(verdict === Verdict.VERDICT_UNKNOWN ? {} : SEVERITIES[verdict === Verdict.DROPPED ? 'warn' : 'info']),
    ...(told.Summary === '' ? {} : { body: valueOf(told.Summary) }),
    attributes: attributesOf({
      ...wire(flow, told),
      ...end('source', flow.source, told.source),
      ...end('destination', flow.destination, told.destination),
      'membrane.flow.type': told.eventType && flow.type,
      'membrane.flow.verdict': verdict === Verdict.VERDICT_UNKNOWN ? undefined : flow.verdict,
      'membrane.flow.drop_reason':
        told.dropReasonDesc !== DropReason.DROP_REASON_UNKNOWN || told.dropReason !== 0 ? flow.dropReason : undefined,
      'membrane.flow.is_reply': told.isReply,
      'membrane.flow.tcp_flags': told.l4?.protocol.case === 'TCP' && told.l4.protocol.value.flags ? flow.tcpFlags : [],
      'membrane.flow.egress_allowed_by': told.egressAllowedBy.map(policyText),
      'membrane.flow.ingress_allowed_by': told.ingressAllowedBy.map(policyText),
      'membrane.flow.egress_denied_by': told.egressDeniedBy.map(policyText),
      'membrane.flow.ingress_denied_by': told.ingressDeniedBy.map(policyText),
    }),
  });
}

/** Flows that are missing at this place. */
export function lossLog(place: FlowLossPlace, count: number): Uint8Array {
  return encode({
    timeUnixNano: nanoseconds(Date.now()),
    eventName: 'membrane.flows_lost',
    ...SEVERITIES.warn,
    body: valueOf(`${count} flows are missing here`),
    attributes: attributesOf({ 'membrane.lost.place': place, 'membrane.lost.count': count }),
  });
}

export function attributesOf(attributes: Attributes) {
  return Object.entries(attributes).flatMap(([key, value]) => {
    const isNothing = value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
    return isNothing ? [] : [{ key, value: valueOf(value) }];
  });
}

/** What both ends have in common. */
function wire(flow: FlowRecord, told: Flow): Attributes {
  const { IP, l4, trafficDirection } = told;
  const ports = l4?.protocol.value;
  return {
    'network.transport': l4 && flow.protocol.toLowerCase(),
    'network.type': IP && { [IPVersion.IPv4]: 'ipv4', [IPVersion.IPv6]: 'ipv6' }[IP.ipVersion as number],
    'network.io.direction': {
      [TrafficDirection.INGRESS]: 'receive',
      [TrafficDirection.EGRESS]: 'transmit',
    }[trafficDirection as number],
    'source.address': IP?.source,
    'destination.address': IP?.destination,
    'source.port': ports && 'sourcePort' in ports ? ports.sourcePort || undefined : undefined,
    'destination.port': ports && 'destinationPort' in ports ? ports.destinationPort || undefined : undefined,
  };
}

function end(which: 'source' | 'destination', { identity }: FlowEnd, told: Endpoint | undefined): Attributes {
  if (told === undefined) return {};
  return {
    [`membrane.${which}.namespace`]: told.namespace,
    [`membrane.${which}.pod`]: told.podName,
    [`membrane.${which}.identity`]: told.identity === 0 ? undefined : identity,
    [`membrane.${which}.labels`]: told.labels,
  };
}

const policyText = (policy: Policy): string => `${policy.kind} ${namespacedName(policy)}`;

function valueOf(value: Exclude<AttributeValue, undefined>): MessageInitShape<typeof AnyValueSchema> {
  switch (typeof value) {
    case 'string':
      return { value: { case: 'stringValue', value } };
    case 'boolean':
      return { value: { case: 'boolValue', value } };
    case 'number':
      return { value: { case: 'intValue', value: BigInt(value) } };
    default:
      return { value: { case: 'arrayValue', value: { values: value.map(valueOf) } } };
  }
}

const nanoseconds = (ms: number): bigint => BigInt(Math.round(ms * 1_000)) * 1_000n;

function encode(record: MessageInitShape<typeof LogRecordSchema>): Uint8Array {
  return toBinary(
    LogRecordSchema,
    create(LogRecordSchema, { ...record, observedTimeUnixNano: nanoseconds(Date.now()) }),
  );
}
