import { describe, expect, test } from 'vitest';
import { type Addr, METADATA_ADDRESSES, parseAddr, type TransportSpec } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { fromWorld, icmpError, tcp, udp } from './frames.ts';
import { type Lab, NODE, OTHER_NODE, REMOTE_POD, SNAT_PORTS, WORLD } from './lab.ts';
import { CLIENT, SERVICE, SPEECH, UDP } from './pair.ts';
import { ANY, NODE_PORT, PROTOCOL_OF, seen, seenError, serviceScene } from './service-lab.ts';

const ELSEWHERE = parseAddr('192.0.2.9');
const ROUTER = parseAddr('192.0.2.1');
const NAT = SNAT_PORTS.min;

/** A node port with one port to masquerade with, so that the test knows it, and a backend elsewhere. */
async function scene(backend: Addr, protocol: number = PROTOCOL_OF.TCP) {
  const it = await serviceScene({ config: { snatPortMin: NAT, snatPortMax: NAT } });
  it.services.set({ addr: ANY, port: NODE_PORT, protocol, scope: 'outside', backends: [backend] });
  return it;
}

const arrive = (lab: Lab, from: Addr, transport: TransportSpec) => lab.arrive(fromWorld(from, NODE, transport));

describe('a node port whose backend is not on this node', () => {
  test.each([
    ['TCP', 'the world', ELSEWHERE],
    ['UDP', 'the world', ELSEWHERE],
    ['SCTP', 'the world', ELSEWHERE],
    ['TCP', 'another node', OTHER_NODE],
    ['UDP', 'a pod of another node', REMOTE_POD],
  ] as const)('%s, in %s: goes there under the node’s address and comes back', async (name, _where, backend) => {
    using it = await scene(backend, PROTOCOL_OF[name]);
    const { forth, back } = SPEECH[name];
    const there = { verdict: 'redirect', from: `${NODE}:${NAT}`, to: `${backend}:${SERVICE}`, sums: [true, true] };
    const home = { verdict: 'redirect', from: `${NODE}:${NODE_PORT}`, to: `${WORLD}:${CLIENT}`, sums: [true, true] };
    const requests = [...forth.opening(CLIENT, NODE_PORT), forth.data(CLIENT, NODE_PORT)];
    const answers = [...back.opening(SERVICE, NAT), back.data(SERVICE, NAT)];
    for (const [index, request] of requests.entries()) {
      expect(seen(arrive(it.pair, WORLD, request))).toEqual(there);
      const answer = answers[index];
      if (answer !== undefined) expect(seen(arrive(it.pair, backend, answer))).toEqual(home);
    }
  });

  test('costs a hop', async () => {
    using it = await scene(ELSEWHERE);
    const frame = (ttl: number) => fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN'), { ip: { ttl } });
    expect(parsePacket(it.pair.arrive(frame(9)).packet).ip?.ttl).toBe(8);
    expect(it.pair.arrive(frame(1)).verdict).toBe('ttl-exceeded');
  });

  test('a second client with the same port gets another, and none when there is none', async () => {
    using it = await scene(ELSEWHERE);
    expect(arrive(it.pair, WORLD, tcp(CLIENT, NODE_PORT, 'SYN')).verdict).toBe('redirect');
    expect(arrive(it.pair, parseAddr('198.51.100.8'), tcp(CLIENT, NODE_PORT, 'SYN')).verdict).toBe('nat-exhausted');
  });

  test.each<[string, Addr, TransportSpec]>([
    ['from somebody else', ROUTER, udp(SERVICE, NAT)],
    ['from another port', ELSEWHERE, udp(SERVICE + 1, NAT)],
    ['to another port', ELSEWHERE, udp(SERVICE, NAT + 1)],
    ['by another protocol', ELSEWHERE, tcp(SERVICE, NAT, 'ACK')],
  ])('%s, it is no answer', async (_name, from, transport) => {
    using it = await scene(ELSEWHERE, UDP);
    arrive(it.pair, WORLD, udp(CLIENT, NODE_PORT));
    const outcome = arrive(it.pair, from, transport);
    expect([outcome.verdict, parsePacket(outcome.packet).ip?.destination]).toEqual(['pass', NODE]);
  });

  test.each(METADATA_ADDRESSES.filter((addr) => !addr.includes(':')))(
    'leads nobody to %s, where the node itself would be given its credentials',
    async (metadata) => {
      using it = await scene(metadata);
      for (const from of [WORLD, OTHER_NODE])
        expect(arrive(it.pair, from, tcp(CLIENT, NODE_PORT, 'SYN')).verdict).toBe('tenant-metadata');
      expect(await it.pair.datapath.connections()).toEqual([]);
    },
  );

  test('in the middle of a connection that is not known', async () => {
    using it = await scene(ELSEWHERE);
    expect(arrive(it.pair, WORLD, tcp(CLIENT, NODE_PORT, 'ACK')).verdict).toBe('ct-midstream');
  });

  test('a client with a pod’s identity, and one that claims a pod’s address', async () => {
    using it = await scene(ELSEWHERE);
    expect(arrive(it.pair, REMOTE_POD, tcp(CLIENT, NODE_PORT, 'SYN')).verdict).toBe('unencapsulated');
    expect(arrive(it.pair, it.pair.a.addr, tcp(CLIENT, NODE_PORT, 'SYN')).verdict).toBe('spoofed-ip');
  });

  test('works without masquerading of pods', async () => {
    using it = await serviceScene({ config: { enableMasquerade: false } });
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [ELSEWHERE] });
    expect(seen(arrive(it.pair, WORLD, tcp(CLIENT, NODE_PORT, 'SYN'))).to).toBe(`${ELSEWHERE}:${SERVICE}`);
  });
});

test('at the driver everything passes untouched that has no way on', async () => {
  using it = await scene(ELSEWHERE);
  const frames = [
    ...['SYN', 'ACK', 'FIN', 'RST'].map((flag) => tcp(CLIENT, NODE_PORT, flag as 'SYN')),
    udp(CLIENT, NODE_PORT),
    icmpError(NODE, ELSEWHERE, udp(NAT, SERVICE)),
  ].flatMap((transport) => [WORLD, ELSEWHERE].map((from) => fromWorld(from, NODE, transport)));
  const passUntouched = () => {
    for (const frame of frames) expect(it.pair.atDriver(frame)).toEqual({ passed: true, packet: frame });
  };
  passUntouched();
  arrive(it.pair, WORLD, tcp(CLIENT, NODE_PORT, 'SYN'));
  arrive(it.pair, ELSEWHERE, tcp(SERVICE, NAT, 'SYN', 'ACK'));
  arrive(it.pair, WORLD, tcp(CLIENT, NODE_PORT, 'ACK'));
  passUntouched();
});

describe('errors about it', () => {
  test('of a router on the way to the backend reach the client, who knows only the node', async () => {
    using it = await scene(ELSEWHERE, UDP);
    arrive(it.pair, WORLD, udp(CLIENT, NODE_PORT));
    const error = icmpError(NODE, ELSEWHERE, udp(NAT, SERVICE), { type: 3, code: 4 });
    expect(seenError(arrive(it.pair, ROUTER, error))).toEqual({
      verdict: 'redirect',
      from: ROUTER,
      to: WORLD,
      about: `${WORLD}:${CLIENT} ${NODE}:${NODE_PORT}`,
      sums: [true, true, true],
    });
  });

  test('of the backend itself, too', async () => {
    using it = await scene(ELSEWHERE, UDP);
    arrive(it.pair, WORLD, udp(CLIENT, NODE_PORT));
    const error = icmpError(NODE, ELSEWHERE, udp(NAT, SERVICE));
    expect(seenError(arrive(it.pair, ELSEWHERE, error))).toMatchObject({ from: NODE, to: WORLD });
  });

  test('of a router on the way to the client reach the backend, which knows only the node', async () => {
    using it = await scene(ELSEWHERE, UDP);
    arrive(it.pair, WORLD, udp(CLIENT, NODE_PORT));
    arrive(it.pair, ELSEWHERE, udp(SERVICE, NAT));
    const error = icmpError(NODE, WORLD, udp(NODE_PORT, CLIENT), { type: 3, code: 4 });
    expect(seenError(arrive(it.pair, ROUTER, error))).toEqual({
      verdict: 'redirect',
      from: ROUTER,
      to: ELSEWHERE,
      about: `${ELSEWHERE}:${SERVICE} ${NODE}:${NAT}`,
      sums: [true, true, true],
    });
  });

  test('about what is not known are the node’s own', async () => {
    using it = await scene(ELSEWHERE, UDP);
    arrive(it.pair, WORLD, udp(CLIENT, NODE_PORT));
    for (const about of [udp(NAT, SERVICE + 1), udp(NAT + 1, SERVICE)]) {
      const frame = fromWorld(ROUTER, NODE, icmpError(NODE, ELSEWHERE, about));
      expect(it.pair.arrive(frame)).toMatchObject({ verdict: 'pass', packet: frame });
    }
  });
});
