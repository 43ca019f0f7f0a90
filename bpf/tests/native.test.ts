import { expect, test } from 'vitest';
import { parseAddr } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { fromPod, fromWorld, tcp, udp } from './frames.ts';
import { allow, EVERYTHING, NODE, OPEN, OTHER_NODE, REMOTE_POD } from './lab.ts';
import { A, B, Pair, SERVICE, TCP } from './pair.ts';

/** As the lab's ipcache has it. */
const REMOTE = 900;
/** Of another node's range, and nobody's. */
const NOBODY = parseAddr('10.244.2.77');
const NATIVE = { enableNative: true } as const;

test('a pod of another node is reached under the pod’s own address, and answers', async () => {
  using pair = await Pair.create({ a: [allow('egress', REMOTE, TCP, SERVICE)], config: NATIVE });
  for (const flags of [['SYN'], ['ACK'], ['ACK']] as const) {
    const { verdict, packet } = pair.send(pair.a, fromPod(pair.a, REMOTE_POD, tcp(5, SERVICE, ...flags)));
    expect(verdict).toBe('pass');
    expect(parsePacket(packet).ip).toMatchObject({ source: A, destination: REMOTE_POD });
    const answer = fromWorld(
      REMOTE_POD,
      A,
      tcp(SERVICE, 5, ...(flags[0] === 'SYN' ? (['SYN', 'ACK'] as const) : flags)),
    );
    expect(pair.arrive(answer).verdict).toBe('redirect');
  }
  expect(pair.send(pair.a, fromPod(pair.a, REMOTE_POD, tcp(6, SERVICE + 1, 'SYN'))).verdict).toBe('policy-egress');
});

test('one that opens is who the ipcache says has its address, and told of as him', async () => {
  using pair = await Pair.create({ b: [allow('ingress', REMOTE, TCP, SERVICE)], config: NATIVE });
  const { verdict, events } = pair.arrive(fromWorld(REMOTE_POD, B, tcp(5, SERVICE, 'SYN')));
  expect(verdict).toBe('redirect');
  expect(events).toEqual([expect.objectContaining({ type: 'open', sourceIdentity: REMOTE, destinationIdentity: 301 })]);
  const refused = pair.arrive(fromWorld(REMOTE_POD, B, tcp(6, SERVICE + 1, 'SYN')));
  expect([refused.verdict, refused.events[0]?.sourceIdentity]).toEqual(['policy-ingress', REMOTE]);
  pair.identify(`${REMOTE_POD}/32`, 901);
  pair.turn(REMOTE_POD);
  expect(pair.arrive(fromWorld(REMOTE_POD, B, tcp(5, SERVICE, 'ACK'))).verdict, 'another has it').toBe(
    'policy-ingress',
  );
});

test('nobody of this node comes from outside, nor anybody with an address that no pod has', async () => {
  using pair = await Pair.create({ b: EVERYTHING, config: NATIVE });
  pair.identify('10.244.2.0/24', 255);
  expect(pair.arrive(fromWorld(A, B, udp(1, 2))).verdict).toBe('spoofed-ip');
  expect(pair.arrive(fromWorld(NODE, B, udp(1, 2))).verdict).toBe('spoofed-ip');
  expect(pair.arrive(fromWorld(NOBODY, B, udp(1, 2))).verdict).toBe('unencapsulated');
  expect(pair.send(pair.b, fromPod(pair.b, NOBODY, udp(1, 2))).verdict).toBe('no-endpoint');
  expect(pair.arrive(fromWorld(OTHER_NODE, B, udp(1, 2))).verdict, 'a node').toBe('redirect');
});

test('without routes none is reached, and none believed', async () => {
  using pair = await Pair.create({ a: [OPEN.egress], b: EVERYTHING });
  expect(pair.send(pair.a, fromPod(pair.a, REMOTE_POD, udp(1, 2))).verdict).toBe('no-route');
  expect(pair.arrive(fromWorld(REMOTE_POD, B, udp(1, 2))).verdict).toBe('unencapsulated');
});
