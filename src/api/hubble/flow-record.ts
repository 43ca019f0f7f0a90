import { anyUnpack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { z } from 'zod';
import { type Flow as FlowRecord, TCP_FLAGS } from '../../model/index.ts';
import { flowMessageSchema } from '../views/flow.ts';
import { milliseconds } from './flow-message.ts';
import { type Endpoint, type Flow, TrafficDirection, Verdict } from './gen/flow/flow_pb.js';

const ownWords = z.record(z.string(), z.unknown());

/** A flow as a node of ours told of it (`flowMessage`). Throws when it is none: a node of another version, or nobody of ours. */
export function flowRecord(message: Flow): FlowRecord {
  const told = message.extensions && anyUnpack(message.extensions, StringValueSchema);
  const { type, dropReason, denial, shadow, rules, hook, length, protocol } = ownWords.parse(
    JSON.parse(told?.value ?? '{}'),
  );
  const { source, destination } = portsOf(message);
  const flow = {
    time: message.time === undefined ? 0 : milliseconds(message.time),
    node: message.nodeName.slice(message.nodeName.indexOf('/') + 1),
    type,
    verdict: message.verdict === Verdict.DROPPED ? 'dropped' : 'forwarded',
    ...(dropReason === undefined ? {} : { dropReason }),
    direction: message.trafficDirection === TrafficDirection.INGRESS ? 'ingress' : 'egress',
    source: endOf(message.source, message.IP?.source, source),
    destination: endOf(message.destination, message.IP?.destination, destination),
    protocol,
    tcpFlags: flagsOf(message),
    rules,
    ...(denial === undefined ? {} : { denial }),
    ...(shadow === undefined ? {} : { shadow }),
    isReply: message.isReply ?? false,
    length,
    ifindex: message.interface?.index ?? 0,
    hook,
  };
  const read = flowMessageSchema.parse({ kind: 'flow', flow });
  if (read.kind !== 'flow') throw new TypeError('no flow');

  return read.flow;
}

function portsOf({ l4 }: Flow): { readonly source: number; readonly destination: number } {
  const layer = l4?.protocol;
  if (layer?.case !== 'TCP' && layer?.case !== 'UDP' && layer?.case !== 'SCTP') return { source: 0, destination: 0 };
  return { source: layer.value.sourcePort, destination: layer.value.destinationPort };
}

function flagsOf({ l4 }: Flow) {
  if (l4?.protocol.case !== 'TCP') return [];
  const { flags } = l4.protocol.value;
  return TCP_FLAGS.filter((flag) => flags?.[flag] === true);
}

function endOf(end: Endpoint | undefined, addr = '', port = 0) {
  const { ID = 0, identity = 0, namespace = '', podName = '', labels = [] } = end ?? {};
  return {
    addr,
    ...(port === 0 ? {} : { port }),
    identity,
    labels: [...labels],
    ...(namespace === '' ? {} : { namespace }),
    ...(podName === '' ? {} : { pod: podName }),
    ...(ID === 0 ? {} : { endpoint: ID }),
  };
}
