import { describe, expect, test } from 'vitest';
import { parseAddr } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { fragmentsOf, fromPod, sctp, tcp, udp } from './frames.ts';
import { allow, WORLD } from './lab.ts';
import { A, B, CLIENT, FRONTEND, SERVICE, SPEECH, TRANSPORTS, UDP } from './pair.ts';
import { PROTOCOL_OF, seen, serviceScene, VIP, VIP_PORT } from './service-lab.ts';

const SCTP_INIT = { kind: 'sctp', sourcePort: CLIENT, destinationPort: VIP_PORT } as const;
const FORTH = { verdict: 'redirect', from: `${A}:${CLIENT}`, to: `${B}:${SERVICE}`, sums: [true, true] };
const BACK = { verdict: 'redirect', from: `${VIP}:${VIP_PORT}`, to: `${A}:${CLIENT}`, sums: [true, true] };

describe('a pod’s packets to a ClusterIP that no socket hook turned', () => {
  test.each(TRANSPORTS)('%s: there and back', async (name) => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: PROTOCOL_OF[name], backends: [B] });
    const { forth, back } = SPEECH[name];
    const toService = (transport: Parameters<typeof fromPod>[2]) =>
      seen(it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, transport)));
    for (const transport of forth.opening(CLIENT, VIP_PORT)) expect(toService(transport)).toEqual(FORTH);
    for (const transport of back.opening(SERVICE, CLIENT)) expect(seen(it.pair.back(transport))).toEqual(BACK);
    for (let i = 0; i < 3; i++) {
      expect(toService(forth.data(CLIENT, VIP_PORT))).toEqual(FORTH);
      expect(seen(it.pair.back(back.data(SERVICE, CLIENT)))).toEqual(BACK);
    }
    expect((await it.pair.datapath.connections())[0]?.flags).toContain('service');
  });

  test('SCTP of any length, and none in fragments: its checksum covers all of it', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: PROTOCOL_OF.SCTP, backends: [B] });
    for (const length of [0, 1, 7, 64, 255, 1_400]) {
      const init = { ...SCTP_INIT, sourcePort: CLIENT + length, chunkLength: 20 + length };
      const { verdict, to, sums } = seen(it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, init)));
      expect([verdict, to, sums]).toEqual(['redirect', `${B}:${SERVICE}`, [true, true]]);
    }
    const [head] = fragmentsOf(A, VIP, { ...SCTP_INIT, chunkLength: 64 }, 24);
    const first = fromPod(it.pair.a, VIP, head, { ip: { id: 5, moreFragments: true } });
    expect(it.pair.send(it.pair.a, first).verdict).toBe('service-conflict');
  });

  test('SCTP reaches no port of a pod but the one that policy was asked about', async () => {
    using it = await serviceScene({ b: [allow('ingress', FRONTEND, PROTOCOL_OF.SCTP, SERVICE)] });
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: PROTOCOL_OF.SCTP, backends: [B] });
    const direct = it.pair.send(it.pair.a, fromPod(it.pair.a, B, sctp(CLIENT, VIP_PORT)));
    expect(direct.verdict).toBe('policy-ingress');
    expect(seen(it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, sctp(CLIENT, VIP_PORT)))).to).toBe(`${B}:${SERVICE}`);
  });

  test('in fragments', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: UDP, backends: [B] });
    const [head, tail] = fragmentsOf(A, VIP, udp(CLIENT, VIP_PORT, new Uint8Array(64)), 24);
    const frames = [
      fromPod(it.pair.a, VIP, head, { ip: { id: 5, moreFragments: true } }),
      fromPod(it.pair.a, VIP, tail, { ip: { id: 5, fragmentOffset: 24 } }),
    ];
    for (const frame of frames) {
      const outcome = it.pair.send(it.pair.a, frame);
      expect(outcome.verdict).toBe('redirect');
      expect(parsePacket(outcome.packet).ip).toMatchObject({ source: A, destination: B, checksumOk: true });
    }
  });

  test('of a datagram whose beginning was refused, the rest is told of as what it is', async () => {
    using it = await serviceScene({ b: [] });
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: UDP, backends: [] });
    it.services.set({ addr: VIP, port: SERVICE, protocol: UDP, backends: [B] });
    const inFragments = (port: number, id: number) => {
      const [head, tail] = fragmentsOf(A, VIP, udp(CLIENT, port, new Uint8Array(64)), 24);
      const frames = [
        fromPod(it.pair.a, VIP, head, { ip: { id, moreFragments: true } }),
        fromPod(it.pair.a, VIP, tail, { ip: { id, fragmentOffset: 24 } }),
      ];
      return frames.map((frame) => it.pair.send(it.pair.a, frame).verdict);
    };
    expect(inFragments(VIP_PORT, 5)).toEqual(['no-backend', 'no-backend']);
    expect(inFragments(SERVICE, 6)).toEqual(['policy-ingress', 'fragment-unknown']);
  });

  test('policy judges the backend, by its own port', async () => {
    using it = await serviceScene({ b: [allow('ingress', FRONTEND, UDP, VIP_PORT)] });
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: UDP, backends: [B] });
    const outcome = it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, udp(CLIENT, VIP_PORT)));
    expect(outcome.verdict).toBe('policy-ingress');
    expect(outcome.events[0]).toMatchObject({ destination: B, destinationPort: SERVICE });
  });

  test('what is forbidden is not remembered', async () => {
    using it = await serviceScene({ b: [] });
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: UDP, backends: [B] });
    const send = () => it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, udp(CLIENT, VIP_PORT))).verdict;
    expect([send(), await it.services.translations.entries()]).toEqual(['policy-ingress', []]);
    await it.pair.open(it.pair.b, [allow('ingress', FRONTEND)]);
    expect([send(), (await it.services.translations.entries()).length]).toEqual(['redirect', 2]);
  });

  test('nothing of it is left when the answer loses its translation', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: UDP, backends: [B] });
    it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, udp(CLIENT, VIP_PORT)));
    await it.services.forgetTranslations();
    expect(it.pair.back(udp(SERVICE, CLIENT)).verdict).toBe('ct-midstream');
  });

  test('in the middle of a connection that is not known', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, backends: [B] });
    expect(it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, tcp(CLIENT, VIP_PORT, 'ACK'))).verdict).toBe('ct-midstream');
  });

  test('without backends', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, backends: [] });
    expect(it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, tcp(CLIENT, VIP_PORT, 'SYN'))).verdict).toBe('no-backend');
  });

  test('another port of the address is no service', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, backends: [B] });
    const outcome = it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, tcp(CLIENT, 81, 'SYN')));
    expect(parsePacket(outcome.packet).ip?.destination).toBe(VIP);
  });

  test('a datagram goes to another backend when its own has left', async () => {
    using it = await serviceScene({ b: [allow('ingress', FRONTEND)] });
    const c = it.pair.pod({ id: 3, addr: parseAddr('10.244.1.33'), identity: 301 });
    await it.pair.open(c, [allow('ingress', FRONTEND)]);
    const service = { addr: VIP, port: VIP_PORT, protocol: UDP };
    const send = () => seen(it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, udp(CLIENT, VIP_PORT)))).to;
    it.services.set({ ...service, backends: [B] });
    expect(send()).toBe(`${B}:${SERVICE}`);
    it.services.set({ ...service, backends: [c.addr] });
    expect(send()).toBe(`${B}:${SERVICE}`);
    it.services.maps.backends.delete(it.services.backendId(B, UDP));
    expect(send()).toBe(`${c.addr}:${SERVICE}`);
  });

  test('other traffic of the pods is as fast as ever', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, backends: [B] });
    it.pair.establish('TCP');
    expect(it.pair.forth(tcp(CLIENT, SERVICE, 'ACK')).verdict).toBe('redirect');
    expect(it.pair.send(it.pair.a, fromPod(it.pair.a, WORLD, tcp(CLIENT, 443, 'SYN'))).verdict).toBe('redirect');
  });
});
