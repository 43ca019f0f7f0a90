import { describe, expect, test } from 'vitest';
import { parsePacket } from '../../src/net/testkit.ts';
import { fromPod, icmpError, tcp, udp } from './frames.ts';
import { GATEWAY, GATEWAY_MAC, NODE } from './lab.ts';
import { A, CLIENT, SERVICE, SPEECH, UDP } from './pair.ts';
import { ANY, NODE_PORT, PROTOCOL_OF, seen, serviceScene, VIP, VIP_PORT } from './service-lab.ts';

// The pod lets nobody in (see Pair): to itself it needs nobody's leave.
describe('a pod that is its own backend, without a socket hook', () => {
  test.each([
    ['TCP', VIP, VIP_PORT, VIP],
    ['UDP', VIP, VIP_PORT, VIP],
    ['TCP', NODE, NODE_PORT, ANY],
  ] as const)(
    '%s to %s port %i: sees its gateway as the client, and the frontend as the server',
    async (name, to, port, addr) => {
      using it = await serviceScene();
      it.services.set({ addr, port, protocol: PROTOCOL_OF[name], backends: [A] });
      const { forth, back } = SPEECH[name];
      const send = (destination: typeof to, transport: Parameters<typeof fromPod>[2]) =>
        it.pair.send(it.pair.a, fromPod(it.pair.a, destination, transport));
      const requested = {
        verdict: 'redirect',
        from: `${GATEWAY}:${CLIENT}`,
        to: `${A}:${SERVICE}`,
        sums: [true, true],
      };
      const answered = { verdict: 'redirect', from: `${to}:${port}`, to: `${A}:${CLIENT}`, sums: [true, true] };
      const requests = [...forth.opening(CLIENT, port), forth.data(CLIENT, port), forth.data(CLIENT, port)];
      const answers = [...back.opening(SERVICE, CLIENT), back.data(SERVICE, CLIENT), back.data(SERVICE, CLIENT)];
      for (const [index, request] of requests.entries()) {
        const outcome = send(to, request);
        expect(seen(outcome)).toEqual(requested);
        expect(parsePacket(outcome.packet)).toMatchObject({ source: GATEWAY_MAC, destination: it.pair.a.mac });
        const answer = answers[index];
        if (answer !== undefined) expect(seen(send(GATEWAY, answer))).toEqual(answered);
      }
    },
  );

  test('what it sends to its gateway otherwise is no answer', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: UDP, backends: [A] });
    it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, udp(CLIENT, VIP_PORT)));
    for (const [source, destination] of [
      [SERVICE + 1, CLIENT],
      [SERVICE, CLIENT + 1],
    ] as const) {
      const outcome = it.pair.send(it.pair.a, fromPod(it.pair.a, GATEWAY, udp(source, destination)));
      expect(parsePacket(outcome.packet).ip?.destination).toBe(GATEWAY);
    }
    // Nor is another pod's, though it knows the ports.
    const other = it.pair.send(it.pair.b, fromPod(it.pair.b, GATEWAY, udp(SERVICE, CLIENT)));
    expect(other.verdict).toBe('policy-egress');
  });

  test('ends with the backend', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, backends: [A] });
    const send = (...flags: ('SYN' | 'ACK')[]) =>
      it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, tcp(CLIENT, VIP_PORT, ...flags))).verdict;
    expect([send('SYN'), send('ACK')]).toEqual(['redirect', 'redirect']);
    it.services.maps.backends.delete(it.services.backendId(A));
    it.services.set({ addr: VIP, port: VIP_PORT, backends: [] });
    expect([send('ACK'), send('SYN')]).toEqual(['ct-midstream', 'no-backend']);
  });

  test('an ICMP error about it', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: UDP, backends: [A] });
    it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, udp(CLIENT, VIP_PORT)));
    const error = icmpError(VIP, A, udp(VIP_PORT, CLIENT));
    expect(it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, error)).verdict).toBe('icmp-unrelated');
  });
});
