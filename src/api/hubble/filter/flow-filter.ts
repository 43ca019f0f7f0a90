import type { Flow, FlowEnd } from '../../../model/index.ts';
import { dropNumber } from '../drop-number.ts';
import { eventTypeOf } from '../event-type.ts';
import { flowMessage } from '../flow-message.ts';
import {
  type DropReason,
  type EventTypeFilter,
  type FlowFilter,
  IPVersion,
  type TCPFlags,
  TrafficDirection,
  Verdict,
} from '../gen/flow/flow_pb.js';
import { Budget, labelCost, PREFIX } from './budget.ts';
import { expression } from './expression.ts';
import { invalid } from './invalid.ts';
import { labelSelector } from './label-selector.ts';
import { patternSize, regex } from './pattern.ts';
import { addressPatterns, nodePattern, podPattern, portNumber, protocolNames } from './patterns.ts';
import { absent, anyOf, type FlowTest } from './test.ts';

const MAX_FILTERS = 512;
/** In all filters of a request. */
const MAX_VALUES = 8_192;

export type CompiledFilters = {
  /** Undefined: everything is wanted. */
  readonly matches: FlowTest | undefined;
  /** Every flow that is wanted has an end in one of these namespaces; undefined: it may be any. */
  readonly about: readonly string[] | undefined;
};

/** What one of `whitelist` lets through, or all where there is none, and none of `blacklist` does. InvalidArgument. */
export function compileFilters(
  whitelist: readonly FlowFilter[],
  blacklist: readonly FlowFilter[],
  cluster: string,
): CompiledFilters {
  requireFew([...whitelist, ...blacklist]);
  const budget = new Budget();
  const wanted = whitelist.map((filter) => compile(filter, cluster, budget));
  const unwanted = blacklist.map((filter) => compile(filter, cluster, budget));
  const about = whitelist.map(namespacesOf);
  return {
    matches:
      wanted.length + unwanted.length === 0
        ? undefined
        : (flow) => (wanted.length === 0 || wanted.some((test) => test(flow))) && !unwanted.some((test) => test(flow)),
    about: about.length === 0 || about.includes(undefined) ? undefined : about.flatMap((names) => names ?? []),
  };
}

function requireFew(filters: readonly FlowFilter[]): void {
  if (filters.length > MAX_FILTERS)
    throw invalid(`${filters.length} filters in a request; at most ${MAX_FILTERS}, with several values each`);
  const values = filters.reduce((sum, filter) => sum + valuesIn(filter), 0);
  if (values > MAX_VALUES) throw invalid(`${values} values in the filters of a request; at most ${MAX_VALUES}`);
}

function valuesIn(filter: FlowFilter): number {
  const fields = [...Object.values(filter), ...Object.values(filter.experimental ?? {})];
  return fields.reduce((sum, value) => sum + (Array.isArray(value) ? value.length : 0), 0);
}

/** Before any of it is read: what is sent may be long. */
function spend(filter: FlowFilter, budget: Budget): void {
  const labels = [...filter.sourceLabel, ...filter.destinationLabel, ...filter.nodeLabels];
  for (const text of labels) budget.spend(labelCost(text), 'labels');
  const prefixes = [...filter.sourceIp, ...filter.destinationIp].filter((text) => text.includes('/'));
  budget.spend(prefixes.length * PREFIX, 'prefixes');
  const patterns = [...filter.nodeName, ...filter.dnsQuery, ...filter.httpPath, ...filter.httpUrl];
  for (const text of patterns) budget.spend(patternSize(text), 'patterns');
}

/** All of them together, if there are any. */
const someOf = <T>(values: readonly T[]): readonly (readonly T[])[] => (values.length === 0 ? [] : [values]);

/** All fields that are given must hold. */
function compile(filter: FlowFilter, cluster: string, budget: Budget): FlowTest {
  spend(filter, budget);
  const tests = [
    ...end(filter, 'source', cluster),
    ...end(filter, 'destination', cluster),
    ...packet(filter),
    ...event(filter),
    ...anyOf(filter.nodeName.map(nodePattern), (matches) => (flow) => matches(cluster, flow.node)),
    ...anyOf(filter.nodeLabels.map(labelSelector), (holds) => () => holds([])),
    ...notRecorded(filter),
    ...(filter.experimental?.celExpression ?? []).map((text): FlowTest => {
      const holds = expression(text, budget);
      return (flow) => holds(flowMessage(flow, cluster));
    }),
  ];
  return (flow) => tests.every((test) => test(flow));
}

function end(filter: FlowFilter, side: 'source' | 'destination', cluster: string): FlowTest[] {
  const of =
    (test: (end: FlowEnd) => boolean): FlowTest =>
    (flow) =>
      test(flow[side]);
  return [
    ...anyOf(someOf(filter[`${side}Ip`]).map(addressPatterns), (matches) => of(({ addr }) => matches(addr))),
    ...anyOf(filter[`${side}Pod`].map(podPattern), ({ matches }) => of((pod) => matches(pod))),
    ...anyOf(filter[`${side}Label`].map(labelSelector), (holds) => of(({ labels }) => holds(labels))),
    ...anyOf(filter[`${side}Port`].map(portNumber), (wanted) => of(({ port = 0 }) => port === wanted)),
    ...anyOf(filter[`${side}Identity`], (wanted) => of(({ identity }) => identity === wanted)),
    ...anyOf(filter[`${side}ClusterName`], (wanted) => of(({ pod }) => pod !== undefined && wanted === cluster)),
    ...absent(filter[`${side}Fqdn`]),
    ...absent(filter[`${side}Service`]),
    ...absent(filter[`${side}Workload`]),
  ];
}

function packet(filter: FlowFilter): FlowTest[] {
  return [
    ...anyOf(
      filter.protocol.map(protocolNames),
      (names) =>
        ({ protocol }) =>
          names.includes(protocol),
    ),
    ...anyOf(filter.tcpFlags, flagsTest),
    ...anyOf(filter.ipVersion, (wanted) => (flow) => ipVersion(flow) === wanted),
    ...anyOf(filter.encrypted, (wanted) => () => !wanted),
    ...anyOf(
      filter.interface,
      ({ index, name }) =>
        (flow) =>
          name === '' && flow.ifindex === index && index !== 0,
    ),
  ];
}

function event(filter: FlowFilter): FlowTest[] {
  return [
    ...anyOf(
      filter.verdict,
      (wanted) =>
        ({ verdict }) =>
          VERDICTS[verdict] === wanted,
    ),
    ...anyOf(filter.dropReasonDesc, (wanted) => (flow) => wanted === numberOf(flow) && flow.verdict === 'dropped'),
    ...anyOf(filter.eventType, eventTest),
    ...anyOf(
      filter.reply,
      (wanted) =>
        ({ isReply }) =>
          isReply === wanted,
    ),
    ...anyOf(
      filter.trafficDirection,
      (wanted) =>
        ({ direction }) =>
          DIRECTIONS[direction] === wanted,
    ),
  ];
}

/** What our flows do not have. What is written for it must make sense all the same. */
function notRecorded(filter: FlowFilter): FlowTest[] {
  for (const pattern of [...filter.dnsQuery, ...filter.httpPath, ...filter.httpUrl]) regex(pattern);
  return [
    ...absent(filter.uuid),
    ...absent(filter.sourceIpXlated),
    ...absent(filter.dnsQuery),
    ...absent(filter.httpStatusCode),
    ...absent(filter.httpMethod),
    ...absent(filter.httpPath),
    ...absent(filter.httpUrl),
    ...absent(filter.httpHeader),
    ...absent(filter.traceId),
    ...absent(filter.ipTraceId),
  ];
}

const VERDICTS = { forwarded: Verdict.FORWARDED, dropped: Verdict.DROPPED } as const;
const DIRECTIONS = { ingress: TrafficDirection.INGRESS, egress: TrafficDirection.EGRESS } as const;
const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const;

/** All of the flags that are set there, and perhaps others. */
function flagsTest(wanted: TCPFlags): FlowTest {
  const flags = FLAGS.filter((flag) => wanted[flag]);
  if (wanted.NS) return () => false;
  return ({ protocol, tcpFlags }) => protocol === 'TCP' && flags.every((flag) => tcpFlags.includes(flag));
}

function eventTest({ type, matchSubType, subType }: EventTypeFilter): FlowTest {
  return (flow) => {
    const found = eventTypeOf(flow);
    return found.type === type && (!matchSubType || found.subType === subType);
  };
}

const numberOf = (flow: Flow): DropReason => dropNumber(flow.dropReason, flow.denial?.by === 'rule');

function ipVersion({ source, destination, protocol }: Flow): IPVersion {
  if (protocol === 'ARP' || protocol === 'VLAN' || protocol.startsWith('0x')) return IPVersion.IP_NOT_USED;
  const isSix = protocol === 'IPv6' || source.addr.includes(':') || destination.addr.includes(':');
  return isSix ? IPVersion.IPv6 : IPVersion.IPv4;
}

/** Undefined: it may be about anybody. */
function namespacesOf({ sourcePod, destinationPod }: FlowFilter): readonly string[] | undefined {
  for (const pods of [sourcePod, destinationPod]) {
    const names = pods.map((text) => podPattern(text).namespace);
    if (names.length > 0 && !names.includes(undefined)) return names.filter((name) => name !== undefined);
  }
  return undefined;
}
