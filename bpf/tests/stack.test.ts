import { beforeAll, describe, expect, test } from 'vitest';
import type { Config } from '../../src/datapath/gen/config.ts';
import { endpointRow } from '../../src/datapath/maps/testkit.ts';
import { endpointId, ifindex } from '../../src/model/index.ts';
import { type PolicyTableRow } from '../../src/model/testkit.ts';
import { type Addr, parseAddr, type TransportSpec } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { type FrameOptions, fromPod, fromWorld, icmpError, tcp, toPod, udp } from './frames.ts';
import { allow, EVERYTHING, type LabPod, NODE, OPEN, type Outcome, SNAT_PORTS, WORLD } from './lab.ts';
import { stayOnProcessor } from './one-processor.ts';
import { A, B, BACKEND, CLIENT, FRONTEND, Pair, SERVICE, TCP } from './pair.ts';

const SERVICE_RANGE = 254;
const CLUSTER_IP = parseAddr('10.96.0.10');
const NODE_PORT = 30_080;
/** The kernel's, of the one device that tests have. */
const DEVICE = 1;

const BESIDE: Partial<Config> = { enableServices: false, enableStack: true };

/** A frame before the stack, and the same as it comes out again. */
const UP: FrameOptions = { ip: { id: 7, ttl: 64 } };
const DOWN: FrameOptions = { ip: { id: 7, ttl: 63 } };

beforeAll(stayOnProcessor);

/** A node whose services another proxy turns; every device has the same number, as far as the kernel knows. */
async function beside(
  tables: { a?: readonly PolicyTableRow[]; b?: readonly PolicyTableRow[] } = {},
  config: Partial<Config> = {},
): Promise<Pair> {
  const pair = await Pair.create({ a: EVERYTHING, b: EVERYTHING, ...tables, config: { ...BESIDE, ...config } });
  pair.identify('10.96.0.0/12', SERVICE_RANGE);
  for (const { id, addr } of [pair.a, pair.b]) {
    pair.datapath.endpoints.set(addr, endpointRow({ endpoint: endpointId(id), ifindex: ifindex(DEVICE) }));
  }
  return pair;
}

const FORWARDED = true;
const up = (pair: Pair, pod: LabPod, to: Addr, transport: TransportSpec): Outcome =>
  pair.run(pod.programs.fromPod, fromPod(pod, to, transport, UP), 0);
const down = (pair: Pair, pod: LabPod, from: Addr, transport: TransportSpec): Outcome =>
  pair.receive(pod, toPod(pod, from, transport, DOWN), FORWARDED);

describe('a pod asks a service that another proxy turns', () => {
  const ask = (pair: Pair, ...flags: ('SYN' | 'ACK')[]) => [
    up(pair, pair.a, CLUSTER_IP, tcp(CLIENT, 80, ...flags)).verdict,
    down(pair, pair.b, A, tcp(CLIENT, SERVICE, ...flags)).verdict,
  ];
  const answer = (pair: Pair, ...flags: ('SYN' | 'ACK')[]) => [
    up(pair, pair.b, A, tcp(SERVICE, CLIENT, ...flags)).verdict,
    down(pair, pair.a, CLUSTER_IP, tcp(80, CLIENT, ...flags)).verdict,
  ];

  test('and gets there and back through the stack, judged as who it is', async () => {
    using pair = await beside({ b: [allow('ingress', FRONTEND, TCP, SERVICE)] });
    for (const [from, to] of [
      [ask(pair, 'SYN'), answer(pair, 'SYN', 'ACK')],
      [ask(pair, 'ACK'), answer(pair, 'ACK')],
    ]) {
      expect(from).toEqual(['pass', 'pass']);
      expect(to).toEqual(['pass', 'pass']);
    }
  });

  test('ingress of the backend and egress of the client are about each other, not about the service', async () => {
    using closed = await beside({ b: [allow('ingress', 999, TCP, SERVICE)] });
    expect(ask(closed, 'SYN')).toEqual(['pass', 'policy-ingress']);
    using kept = await beside({ a: [allow('egress', 999)] });
    expect(ask(kept, 'SYN')).toEqual(['pass', 'policy-egress']);
    using meant = await beside({ a: [allow('egress', BACKEND, TCP, SERVICE)] });
    expect(ask(meant, 'SYN')).toEqual(['pass', 'pass']);
    expect(answer(meant, 'SYN', 'ACK')).toEqual(['pass', 'pass']);
  });

  test('and is told of as who it is, once that is proven', async () => {
    using pair = await beside({ b: [allow('ingress', FRONTEND, TCP, SERVICE)] });
    const ask = (port: number) => {
      up(pair, pair.a, CLUSTER_IP, tcp(CLIENT, 80, 'SYN'));
      return down(pair, pair.b, A, tcp(CLIENT, port, 'SYN')).events;
    };
    const sender = { sourceIdentity: FRONTEND, sourceEndpoint: pair.a.id };
    expect(ask(SERVICE)).toMatchObject([{ type: 'open', ...sender }]);
    expect(ask(SERVICE + 1)).toMatchObject([{ type: 'drop', reason: 'policy-ingress', ...sender }]);
    pair.datapath.endpoints.set(A, endpointRow({ endpoint: endpointId(1), ifindex: ifindex(77) }));
    const nobody = { sourceIdentity: 0, sourceEndpoint: 0 };
    expect(ask(SERVICE)).toMatchObject([{ type: 'drop', reason: 'spoofed-ip', ...nobody }]);
  });

  test('what was allowed is revoked in both directions', async () => {
    using pair = await beside();
    ask(pair, 'SYN');
    answer(pair, 'SYN', 'ACK');
    await pair.open(pair.b, [allow('ingress', 999)]);
    expect(ask(pair, 'ACK')).toEqual(['pass', 'policy-ingress']);
    expect(up(pair, pair.b, A, tcp(SERVICE, CLIENT, 'ACK')).verdict).toBe('revoked');
  });

  test('nobody answers under a service’s address who was not asked', async () => {
    using pair = await beside();
    expect(down(pair, pair.a, CLUSTER_IP, tcp(80, CLIENT, 'SYN', 'ACK')).verdict).toBe('spoofed-ip');
    expect(down(pair, pair.a, CLUSTER_IP, udp(53, CLIENT)).verdict).toBe('spoofed-ip');
    ask(pair, 'SYN');
    pair.arrive(fromWorld(WORLD, NODE, tcp(1, 22, 'SYN')));
    expect(down(pair, pair.a, CLUSTER_IP, tcp(80, CLIENT + 1, 'SYN', 'ACK')).verdict).toBe('spoofed-ip');
    expect(answer(pair, 'SYN', 'ACK')).toEqual(['pass', 'pass']);
  });

  test('a process of the node refuses, and the pod hears of it', async () => {
    using pair = await beside({ a: [OPEN.egress] });
    up(pair, pair.a, CLUSTER_IP, tcp(CLIENT, 80, 'SYN'));
    const refused = icmpError(A, CLUSTER_IP, tcp(CLIENT, 80, 'SYN'));
    expect(pair.receive(pair.a, toPod(pair.a, NODE, refused)).verdict).toBe('pass');
    const other = icmpError(A, CLUSTER_IP, tcp(CLIENT + 1, 80, 'SYN'));
    expect(pair.receive(pair.a, toPod(pair.a, NODE, other)).verdict).toBe('icmp-unrelated');
  });

  test('a connection straight to the backend keeps its ports', async () => {
    using pair = await beside();
    expect(pair.forth(tcp(CLIENT, SERVICE, 'SYN')).verdict).toBe('redirect');
    expect(ask(pair, 'SYN')).toEqual(['pass', 'service-conflict']);
    expect(pair.back(tcp(SERVICE, CLIENT, 'SYN', 'ACK')).verdict).toBe('redirect');
  });

  test('a pod that is led to itself needs nobody’s leave', async () => {
    using pair = await beside({ a: [] });
    expect(up(pair, pair.a, CLUSTER_IP, tcp(CLIENT, 80, 'SYN')).verdict).toBe('pass');
    expect(down(pair, pair.a, NODE, tcp(50_000, SERVICE, 'SYN')).verdict).toBe('pass');
    expect(up(pair, pair.a, NODE, tcp(SERVICE, 50_000, 'SYN', 'ACK')).verdict).toBe('pass');
    expect(down(pair, pair.a, CLUSTER_IP, tcp(80, CLIENT, 'SYN', 'ACK')).verdict).toBe('pass');
  });

  test('another pod’s address at the wrong device is nobody’s', async () => {
    using pair = await beside();
    pair.datapath.endpoints.set(A, endpointRow({ endpoint: endpointId(1), ifindex: ifindex(77) }));
    expect(down(pair, pair.b, A, tcp(CLIENT, SERVICE, 'SYN')).verdict).toBe('spoofed-ip');
  });
});

describe('what a pod sends beyond the node', () => {
  const leave = (pair: Pair, from: Addr, to: Addr, transport: TransportSpec, options = DOWN, mark = 0) =>
    pair.run(pair.netdev.to_netdev, fromWorld(from, to, transport, options), DEVICE, { mark });

  test('is judged where it leaves, by whom it goes to, and masqueraded there', async () => {
    using pair = await beside({ a: [allow('egress', 2, TCP, 443)] });
    expect(up(pair, pair.a, CLUSTER_IP, tcp(CLIENT, 80, 'SYN')).verdict).toBe('pass');
    const out = leave(pair, A, WORLD, tcp(CLIENT, 443, 'SYN'));
    const { ip, transport } = parsePacket(out.packet);
    expect(out.verdict).toBe('pass');
    expect([ip?.source, ip?.checksumOk, transport?.checksumOk]).toEqual([NODE, true, true]);
    const port = transport?.sourcePort ?? 0;
    expect(port).toBeGreaterThanOrEqual(SNAT_PORTS.min);
    const home = pair.arrive(fromWorld(WORLD, NODE, tcp(443, port, 'SYN', 'ACK'), UP));
    expect(home.verdict, 'to the stack, which knows whom the pod asked').toBe('pass');
    expect(parsePacket(home.packet)).toMatchObject({ ip: { destination: A }, transport: { destinationPort: CLIENT } });
    expect(down(pair, pair.a, CLUSTER_IP, tcp(80, CLIENT, 'SYN', 'ACK')).verdict).toBe('pass');
    expect(leave(pair, A, WORLD, tcp(CLIENT, 444, 'SYN')).verdict).toBe('policy-egress');
  });

  test('straight to the world, in both places the same', async () => {
    using pair = await beside({ a: [allow('egress', 2, TCP, 443)] });
    expect(up(pair, pair.a, WORLD, tcp(CLIENT, 444, 'SYN')).verdict).toBe('policy-egress');
    for (const flags of [['SYN'], ['ACK']] as const) {
      expect(up(pair, pair.a, WORLD, tcp(CLIENT, 443, ...flags)).verdict).toBe('pass');
      const out = parsePacket(leave(pair, A, WORLD, tcp(CLIENT, 443, ...flags)).packet);
      expect(out.ip?.source).toBe(NODE);
      const port = out.transport?.sourcePort ?? 0;
      pair.arrive(fromWorld(WORLD, NODE, tcp(443, port, 'SYN', 'ACK'), UP));
      expect(down(pair, pair.a, WORLD, tcp(443, CLIENT, 'SYN', 'ACK')).verdict).toBe('pass');
    }
  });

  test('under the node’s address already, egress policy is asked all the same', async () => {
    using pair = await beside({ a: [allow('egress', 2, TCP, 443)] });
    up(pair, pair.a, CLUSTER_IP, tcp(CLIENT, 80, 'SYN'));
    expect(leave(pair, NODE, WORLD, tcp(50_000, 443, 'SYN')).verdict).toBe('pass');
    expect(leave(pair, NODE, WORLD, tcp(50_000, 444, 'SYN')).verdict).toBe('policy-egress');
  });

  test('whatever else went up before it leaves, and however often', async () => {
    using pair = await beside({ a: [allow('egress', 2, TCP, 443), OPEN.ingress] });
    const { mark } = up(pair, pair.a, CLUSTER_IP, tcp(CLIENT, 80, 'SYN'));
    expect(up(pair, pair.a, CLUSTER_IP, tcp(CLIENT + 1, 80, 'SYN')).verdict).toBe('pass');
    pair.arrive(fromWorld(WORLD, NODE, tcp(1, 22, 'SYN')));
    const late = (port: number) => leave(pair, NODE, WORLD, tcp(50_000, port, 'SYN'), DOWN, mark).verdict;
    expect([late(443), late(444), late(443)]).toEqual(['pass', 'policy-egress', 'pass']);
    pair.close(pair.a);
    expect(late(443)).toBe('not-ready');
  });

  test('an answer that looks like the node’s is not asked about again, an opening under its mark is', async () => {
    using pair = await beside({ a: [OPEN.ingress] });
    expect(pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN'), UP)).verdict).toBe('pass');
    expect(down(pair, pair.a, WORLD, tcp(CLIENT, SERVICE, 'SYN')).verdict).toBe('pass');
    const { mark, verdict } = up(pair, pair.a, WORLD, tcp(SERVICE, CLIENT, 'SYN', 'ACK'));
    expect(verdict).toBe('pass');
    const answer = tcp(NODE_PORT, CLIENT, 'SYN', 'ACK');
    expect(leave(pair, NODE, WORLD, answer, DOWN, mark).verdict).toBe('pass');
    expect(leave(pair, NODE, WORLD, answer).verdict, 'what lost its mark is asked about').toBe('policy-egress');
    const opened = pair.run(pair.a.programs.fromPod, fromPod(pair.a, CLUSTER_IP, tcp(CLIENT, 80, 'SYN'), UP), 0, {
      mark,
    });
    expect([opened.verdict, opened.mark & mark]).toEqual(['pass', 0]);
  });

  test('what another device forwards under the node’s address is none of our business', async () => {
    using pair = await beside({ a: [] });
    expect(leave(pair, NODE, WORLD, tcp(50_000, 444, 'SYN')).verdict).toBe('pass');
  });

  test('a service that nobody turned leaves nowhere, nor does VXLAN', async () => {
    using pair = await beside();
    up(pair, pair.a, CLUSTER_IP, tcp(CLIENT, 80, 'SYN'));
    expect(leave(pair, A, CLUSTER_IP, tcp(CLIENT, 80, 'SYN')).verdict).toBe('service-unknown');
    expect(leave(pair, A, WORLD, udp(CLIENT, 8472)).verdict).toBe('forged-tunnel');
    expect(up(pair, pair.a, CLUSTER_IP, udp(CLIENT, 8472)).verdict).toBe('forged-tunnel');
  });
});

describe('a node port that another proxy turns', () => {
  const SEEN = parseAddr('198.51.100.0');
  const CIDR = 1 << 24;
  const ask = (pair: Pair, from: Addr = WORLD) =>
    pair.arrive(fromWorld(from, NODE, tcp(CLIENT, NODE_PORT, 'SYN'), UP)).verdict;

  test('has the client’s identity, also where the node’s address hides it', async () => {
    using pair = await beside({ b: [allow('ingress', CIDR, TCP, SERVICE)] });
    pair.identify(`${SEEN}/24`, CIDR);
    expect(ask(pair)).toBe('pass');
    const got = down(pair, pair.b, NODE, tcp(50_000, SERVICE, 'SYN'));
    expect(got.verdict).toBe('pass');
    expect(got.events).toMatchObject([{ type: 'open', sourceIdentity: CIDR, destinationEndpoint: 2 }]);
    expect(up(pair, pair.b, NODE, tcp(SERVICE, 50_000, 'SYN', 'ACK')).verdict, 'the answer').toBe('pass');
    expect(ask(pair, parseAddr('203.0.113.9'))).toBe('pass');
    expect(down(pair, pair.b, NODE, tcp(50_001, SERVICE, 'SYN')).verdict).toBe('policy-ingress');
    expect(down(pair, pair.b, NODE, tcp(50_000, SERVICE, 'ACK')).verdict, 'of the same connection').toBe(
      'policy-ingress',
    );
  });

  test('keeps the client’s address with a local policy', async () => {
    using pair = await beside({ b: [allow('ingress', 2, TCP, SERVICE)] });
    ask(pair);
    expect(down(pair, pair.b, WORLD, tcp(CLIENT, SERVICE, 'SYN')).verdict).toBe('pass');
    expect(up(pair, pair.b, WORLD, tcp(SERVICE, CLIENT, 'SYN', 'ACK')).verdict).toBe('pass');
  });

  test.each<[string, FrameOptions]>([
    ['with another id', { ip: { id: 8, ttl: 63 } }],
    ['after another number of hops', { ip: { id: 7, ttl: 62 } }],
  ])('a packet that did not go up just now, %s, is nobody’s', async (_name, options) => {
    using pair = await beside();
    ask(pair);
    const frame = toPod(pair.b, NODE, tcp(50_000, SERVICE, 'SYN'), options);
    expect(pair.receive(pair.b, frame, FORWARDED).verdict).toBe('spoofed-ip');
  });

  test('of a client who claims a pod’s address is dropped', async () => {
    using pair = await beside();
    pair.arrive(fromWorld(parseAddr('10.244.2.9'), NODE, tcp(CLIENT, NODE_PORT, 'SYN'), UP));
    expect(down(pair, pair.b, NODE, tcp(50_000, SERVICE, 'SYN')).verdict).toBe('unencapsulated');
  });

  test('asked by a pod leads to whom policy says', async () => {
    using pair = await beside({ a: [allow('egress', BACKEND)], b: [allow('ingress', FRONTEND)] });
    expect(up(pair, pair.a, NODE, tcp(CLIENT, NODE_PORT, 'SYN')).verdict).toBe('pass');
    expect(down(pair, pair.b, NODE, tcp(50_000, SERVICE, 'SYN')).verdict, 'masqueraded').toBe('pass');
    expect(up(pair, pair.b, NODE, tcp(SERVICE, 50_000, 'SYN', 'ACK')).verdict).toBe('pass');
    expect(down(pair, pair.a, NODE, tcp(NODE_PORT, CLIENT, 'SYN', 'ACK')).verdict).toBe('pass');
    expect(up(pair, pair.a, NODE, tcp(CLIENT, 443, 'SYN')).verdict, 'a process of the node').toBe('policy-egress');
  });
});

test('between pods of the node nothing goes another way', async () => {
  using pair = await beside({ a: [OPEN.egress] });
  pair.establish('TCP');
  expect(pair.forth(tcp(CLIENT, SERVICE, 'ACK')).verdict).toBe('redirect');
  expect(pair.back(tcp(SERVICE, CLIENT, 'ACK')).verdict).toBe('redirect');
  expect((await pair.entry())[1]).toMatchObject({ stack: false });
  expect([A, B]).toEqual([pair.a.addr, pair.b.addr]);
});
