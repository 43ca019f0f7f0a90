import { describe, expect, test } from 'vitest';
import { type Addr, buildPacket, parseAddr, parseMac, type TransportSpec } from '../../src/net/index.ts';
import { fromWorld, icmpError, tcp, udp } from './frames.ts';
import { NODE, WORLD } from './lab.ts';
import { CLIENT, SERVICE, SPEECH, UDP } from './pair.ts';
import { ANY, NODE_PORT, PROTOCOL_OF, seen, seenError, serviceScene } from './service-lab.ts';

const EXTERNAL = parseAddr('203.0.113.80');
const MAC = parseMac('02:00:00:00:00:02');

/** What a process of the node sends out. */
function fromNode(to: Addr, transport: TransportSpec): Uint8Array {
  return buildPacket({
    ethernet: { source: MAC, destination: MAC },
    network: { kind: 'ipv4', source: NODE, destination: to },
    transport,
  });
}

describe('a backend in the node’s own network, for clients from outside', () => {
  test.each([
    ['TCP', ANY, NODE, NODE_PORT],
    ['UDP', ANY, NODE, NODE_PORT],
    ['TCP', EXTERNAL, EXTERNAL, 80],
  ] as const)('%s at %s: the process sees the client, the client the frontend', async (name, addr, to, port) => {
    using it = await serviceScene();
    it.services.set({ addr, port, protocol: PROTOCOL_OF[name], scope: 'outside', backends: [NODE] });
    const { forth, back } = SPEECH[name];
    const requests = [...forth.opening(CLIENT, port), forth.data(CLIENT, port)];
    const answers = [...back.opening(SERVICE, CLIENT), back.data(SERVICE, CLIENT)];
    for (const [index, request] of requests.entries()) {
      expect(seen(it.pair.arrive(fromWorld(WORLD, to, request)))).toEqual({
        verdict: 'pass',
        from: `${WORLD}:${CLIENT}`,
        to: `${NODE}:${SERVICE}`,
        sums: [true, true],
      });
      const answer = answers[index];
      if (answer === undefined) continue;
      expect(seen(it.pair.leave(fromNode(WORLD, answer)))).toEqual({
        verdict: 'pass',
        from: `${to}:${port}`,
        to: `${WORLD}:${CLIENT}`,
        sums: [true, true],
      });
    }
  });

  test('its ICMP errors quote the frontend', async () => {
    using it = await serviceScene();
    it.services.set({ addr: ANY, port: NODE_PORT, protocol: UDP, scope: 'outside', backends: [NODE] });
    it.pair.arrive(fromWorld(WORLD, NODE, udp(CLIENT, NODE_PORT)));
    const error = icmpError(WORLD, NODE, udp(CLIENT, SERVICE));
    expect(seenError(it.pair.leave(fromNode(WORLD, error)))).toEqual({
      verdict: 'pass',
      from: NODE,
      to: WORLD,
      about: `${WORLD}:${CLIENT} ${NODE}:${NODE_PORT}`,
      sums: [true, true, true],
    });
  });

  test('everything else that the node sends is left alone', async () => {
    using it = await serviceScene();
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [NODE] });
    it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN')));
    for (const frame of [
      fromNode(WORLD, tcp(SERVICE, CLIENT + 1, 'ACK')),
      fromNode(WORLD, tcp(SERVICE + 1, CLIENT, 'ACK')),
      fromNode(parseAddr('198.51.100.8'), tcp(SERVICE, CLIENT, 'ACK')),
      fromNode(WORLD, udp(SERVICE, CLIENT)),
      fromNode(WORLD, icmpError(WORLD, NODE, tcp(CLIENT + 1, SERVICE, 'SYN'))),
    ]) {
      expect(it.pair.leave(frame)).toMatchObject({ verdict: 'pass', packet: frame });
    }
  });

  test('a later connection with the same port to the process itself is not the service’s', async () => {
    using it = await serviceScene();
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [NODE] });
    it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN')));
    it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, SERVICE, 'SYN')));
    const answer = fromNode(WORLD, tcp(SERVICE, CLIENT, 'SYN', 'ACK'));
    expect(it.pair.leave(answer)).toMatchObject({ verdict: 'pass', packet: answer });
  });

  test('with services off nothing is translated', async () => {
    using it = await serviceScene({ config: { enableServices: false } });
    const answer = fromNode(WORLD, tcp(SERVICE, CLIENT, 'SYN', 'ACK'));
    expect(it.pair.leave(answer)).toMatchObject({ verdict: 'pass', packet: answer });
  });
});
