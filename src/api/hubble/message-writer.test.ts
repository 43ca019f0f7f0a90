import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { anyPack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LostEventSource, Verdict } from './gen/flow/flow_pb.js';
import { GetFlowsResponseSchema, ServerStatusResponseSchema } from './gen/observer/observer_pb.js';
import { MessageWriter } from './message-writer.ts';

const writer = new MessageWriter(GetFlowsResponseSchema);

/** Both ways, read back, are the same; and as long. */
function same<D extends DescMessage>(schema: D, by: MessageWriter<D>, init: MessageInitShape<D>): void {
  const [ours, theirs] = [by.write(init), toBinary(schema, create(schema, init))];
  expect(fromBinary(schema, ours)).toEqual(fromBinary(schema, theirs));
  expect(ours).toHaveLength(theirs.length);
}

const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ minLength: 120, maxLength: 140 }));
const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }));
const int32 = fc.oneof(fc.nat(3), fc.integer());
const long = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const end = fc.record(
  {
    ID: uint32,
    identity: uint32,
    namespace: text,
    labels: fc.array(text, { maxLength: 9 }),
    workloads: fc.array(fc.record({ name: text, kind: text }, { requiredKeys: [] }), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);
const time = fc.record({ seconds: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), nanos: fc.nat(999_999_999) });
const ports = { sourcePort: uint32, destinationPort: uint32 };
const l4 = fc.oneof(
  fc.record({ protocol: fc.record({ case: fc.constant('UDP' as const), value: fc.record(ports) }) }),
  fc.record({
    protocol: fc.record({
      case: fc.constant('TCP' as const),
      value: fc.record({ ...ports, flags: fc.record({ SYN: fc.boolean(), ACK: fc.boolean() }) }),
    }),
  }),
  fc.constant({ protocol: { case: undefined } }),
  fc.constant({}),
);
const flow = fc.record(
  {
    time,
    verdict: fc.constantFrom(Verdict.VERDICT_UNKNOWN, Verdict.FORWARDED, Verdict.DROPPED),
    source: end,
    destination: end,
    l4,
    nodeName: text,
    isReply: fc.boolean(),
    reply: fc.boolean(),
    eventType: fc.record({ type: int32, subType: int32 }),
    socketCookie: long,
    ingressAllowedBy: fc.array(fc.record({ name: text, revision: long }), { maxLength: 3 }),
    Summary: text,
    extensions: text.map((value) => anyPack(StringValueSchema, create(StringValueSchema, { value }))),
  },
  { requiredKeys: [] },
);

it('writes what the library writes of the message', () => {
  fc.assert(
    fc.property(flow, text, time, (value, nodeName, at) => {
      same(GetFlowsResponseSchema, writer, { nodeName, time: at, responseTypes: { case: 'flow', value } });
    }),
    { numRuns: 500 },
  );
  const lostEvents = { source: LostEventSource.OBSERVER_EVENTS_QUEUE, numEventsLost: 2n ** 63n, cpu: 0 } as const;
  same(GetFlowsResponseSchema, writer, { responseTypes: { case: 'lostEvents', value: lostEvents } });
  same(GetFlowsResponseSchema, writer, {});
  same(GetFlowsResponseSchema, writer, create(GetFlowsResponseSchema, { nodeName: 'made' }));
});

it('leaves to the library what it does not know', () => {
  const status = new MessageWriter(ServerStatusResponseSchema);
  same(ServerStatusResponseSchema, status, { flowsRate: 0.5, numConnectedNodes: 0, unavailableNodes: ['', 'b'] });
  same(ServerStatusResponseSchema, status, { flowsRate: 0, seenFlows: 3n, version: 'ü'.repeat(70) });
});
