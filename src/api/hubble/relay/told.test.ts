import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { anyPack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EnvelopeReader, enveloped } from '../envelopes.ts';
import { FlowSchema, IPVersion, LostEventSource, Verdict } from '../gen/flow/flow_pb.js';
import { GetFlowsResponseSchema } from '../gen/observer/observer_pb.js';
import { NodeState } from '../gen/relay/relay_pb.js';
import { Lie, NodeWords } from './told.ts';

const NAME = 'test/node-1';
const words = new NodeWords(NAME);
type Response = MessageInitShape<typeof GetFlowsResponseSchema>;
type FlowInit = MessageInitShape<typeof FlowSchema>;

const time = { seconds: 1_700_000_000n, nanos: 250_000_000 };
const encoded = (init: Response) => toBinary(GetFlowsResponseSchema, create(GetFlowsResponseSchema, init));
const decoded = (bytes: Uint8Array) => fromBinary(GetFlowsResponseSchema, bytes);
const flow = (init: FlowInit, nodeName = NAME) =>
  encoded({ nodeName, time, responseTypes: { case: 'flow', value: { nodeName: NAME, ...init } } });
const joined = (...parts: readonly (Uint8Array | readonly number[])[]) => Uint8Array.from(parts.flatMap((p) => [...p]));

const RICH: FlowInit = {
  time,
  verdict: Verdict.DROPPED,
  IP: { source: '10.0.0.1', destination: 'fd00::1', ipVersion: IPVersion.IPv6 },
  l4: { protocol: { case: 'TCP', value: { sourcePort: 40_000, destinationPort: 80, flags: { SYN: true } } } },
  source: { ID: 7, identity: 0xffff_ffff, namespace: 'ä', labels: ['k8s:app=web', 'k8s:ß=€'], podName: 'web-1' },
  destination: { identity: 2, labels: ['reserved:world'], workloads: [{ name: 'w', kind: 'Deployment' }] },
  eventType: { type: 1, subType: -1 },
  isReply: false,
  socketCookie: 2n ** 64n - 1n,
  Summary: 'denied ingress: 2 policies select api',
  extensions: anyPack(StringValueSchema, create(StringValueSchema, { value: '{}' })),
  ingressDeniedBy: [{ name: 'a', namespace: 'b', revision: 3n }],
};

describe('what a node says', () => {
  it('goes on as it came, when it is a flow of its own', () => {
    for (const bytes of [flow({}), flow(RICH)]) {
      const heard = words.read(bytes);
      expect(heard).toMatchObject({ kind: 'flow', time: 1_700_000_000_250 });
      expect(heard?.bytes).toBe(bytes);
    }
    // Fields of a later version, too.
    const later = joined(
      [0xc2, 0x3e, 2, 8, 1, 0x98, 0x75, 5],
      toBinary(FlowSchema, create(FlowSchema, { nodeName: NAME })),
    );
    const bytes = encodedAround(later);
    expect(words.read(bytes)?.bytes).toBe(bytes);
  });

  it('is believed of nobody else, however it is said', () => {
    const other = toBinary(FlowSchema, create(FlowSchema, { nodeName: 'test/node-2' }));
    const own = toBinary(FlowSchema, create(FlowSchema, { nodeName: NAME }));
    const lies = [
      flow({ nodeName: 'test/node-2' }),
      flow({ nodeName: '' }),
      flow({ nodeName: `${NAME}0` }),
      // The last of several is what a reader takes: within a flow, and of flows that become one.
      encodedAround(joined(own, other)),
      joined(flow({}), encoded({ responseTypes: { case: 'flow', value: { nodeName: 'test/node-2' } } })),
    ];
    for (const bytes of lies) expect(() => words.read(bytes)).toThrow(Lie);
    expect(decoded(words.read(encodedAround(joined(other, own)))?.bytes ?? other)).toMatchObject({ nodeName: NAME });
    // Whose connection it is says whose it is: what is written beside the flow is put right.
    for (const name of ['test/node-2', '']) {
      const heard = words.read(flow(RICH, name));
      expect(heard?.kind).toBe('flow');
      expect(heard && decoded(heard.bytes)).toEqual(decoded(flow(RICH)));
    }
  });

  it('of nodes is nothing, and what is lost is counted', () => {
    const value = { stateChange: NodeState.NODE_GONE, nodeNames: ['test/node-2'] };
    expect(words.read(encoded({ nodeName: NAME, responseTypes: { case: 'nodeStatus', value } }))).toBeUndefined();
    expect(words.read(new Uint8Array())).toBeUndefined();
    const lost = { source: LostEventSource.OBSERVER_EVENTS_QUEUE, numEventsLost: 12n };
    const heard = words.read(
      encoded({ nodeName: 'test/node-2', time, responseTypes: { case: 'lostEvents', value: lost } }),
    );
    expect(heard).toMatchObject({ kind: 'lost', lost, time: 1_700_000_000_250 });
    expect(heard && decoded(heard.bytes).nodeName).toBe(NAME);
  });

  it('ends it when nobody could read it', () => {
    const bad = {
      utf8: joined([0x6a, 2, 0xc3, 0x28]),
      end: joined([0x42, 100, 1]),
      inner: joined([0x42, 2, 0x22, 9]),
      varint: joined([0x10, ...Array.from({ length: 11 }, () => 0xff)]),
      zero: joined([0x00, 0x01]),
    };
    const own = toBinary(FlowSchema, create(FlowSchema, { nodeName: NAME }));
    for (const [name, bytes] of Object.entries(bad))
      expect(() => words.read(encodedAround(joined(own, bytes))), name).toThrow();
  });

  it('is, whatever it is, one that every reader can read and that is its own, or nothing', () => {
    const around = flow(RICH);
    const change = fc.record({
      at: fc.nat(around.length - 1),
      byte: fc.nat(255),
      cut: fc.nat(8),
      at2: fc.nat(around.length - 1),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = Uint8Array.from(around);
        for (const { at, byte } of changes) bytes[at] = byte;
        const cut = changes[0]?.cut === 0 ? bytes.subarray(0, changes[0].at2) : bytes;
        let heard: ReturnType<NodeWords['read']>;
        try {
          heard = words.read(cut);
        } catch {
          return;
        }
        if (heard === undefined) return;
        const { nodeName, responseTypes } = decoded(heard.bytes);
        expect(nodeName).toBe(NAME);
        if (responseTypes.case === 'flow') expect(responseTypes.value.nodeName).toBe(NAME);
        expect(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(nodeName))).toBe(NAME);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** A response around the bytes of a flow. */
function encodedAround(inner: Uint8Array): Uint8Array {
  expect(inner.length).toBeLessThan(128);
  return joined([0x0a, inner.length], inner, encoded({ nodeName: NAME, time }));
}

describe('messages in pieces', () => {
  it('come as they were sent, wherever they were cut', () => {
    const sent = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(sent, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (messages, sizes) => {
        const all = enveloped(messages);
        const reader = new EnvelopeReader(40);
        const got: Uint8Array[] = [];
        for (let [at, turn] = [0, 0]; at < all.length; turn += 1) {
          const piece = Uint8Array.from(all.subarray(at, at + (sizes[turn % sizes.length] ?? 1)));
          at += piece.length;
          got.push(...reader.read(piece));
          // What it came in is somebody else's.
          piece.fill(0xff);
        }
        reader.end();
        expect(got.map((one) => [...one])).toEqual(messages.map((one) => [...one]));
      }),
    );
  });

  it('are refused when they are too long, compressed or not whole', () => {
    expect(() => new EnvelopeReader(3).read(enveloped([new Uint8Array(4)]))).toThrow(/longer than 3/);
    expect(() => new EnvelopeReader(3).read(Uint8Array.of(1, 0, 0, 0, 1, 0))).toThrow(/compressed/);
    const reader = new EnvelopeReader(3);
    expect(reader.read(Uint8Array.of(0, 0, 0, 0, 2, 7))).toEqual([]);
    expect(() => reader.end()).toThrow(/not whole/);
  });
});
