import { describe, expect, test } from 'vitest';
import { parseAddr } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { fragmentsOf, fromPod, fromWorld, icmpError, tcp, toPod, udp } from './frames.ts';
import { allow, EVERYTHING, GATEWAY_MAC, NODE, OTHER_NODE, REMOTE_POD, WORLD } from './lab.ts';
import { NEW_POD, OverlayLab, REMOTE } from './overlay-lab.ts';
import { B, CLIENT, SERVICE, TCP, UDP } from './pair.ts';
import { ANY, NODE_PORT, Services } from './service-lab.ts';

const STRANGER = parseAddr('203.0.113.9');
const ONLY_REMOTE = [allow('ingress', REMOTE, TCP, SERVICE), allow('ingress', REMOTE, UDP, SERVICE)];

describe('a pod of another node is judged by the identity in the packet', () => {
  test('and gets there with the MAC addresses of the pod’s device', async () => {
    using lab = await OverlayLab.create({ b: ONLY_REMOTE });
    const outcome = lab.hear(tcp(CLIENT, SERVICE, 'SYN'));
    expect(outcome.verdict).toBe('redirect');
    expect(parsePacket(outcome.packet)).toMatchObject({ source: GATEWAY_MAC, destination: lab.b.mac });
    expect(outcome.events).toMatchObject([
      { type: 'open', sourceIdentity: REMOTE, destinationIdentity: 301, destinationEndpoint: 2 },
    ]);
    expect(lab.hear(tcp(CLIENT, SERVICE + 1, 'SYN')).verdict).toBe('policy-ingress');
    expect(lab.hear(tcp(CLIENT + 1, SERVICE, 'SYN'), { identity: 901 }).verdict).toBe('policy-ingress');
  });

  test('from the first packet on, when nobody here knows it yet', async () => {
    using lab = await OverlayLab.create({ b: ONLY_REMOTE });
    expect(lab.hear(udp(CLIENT, SERVICE), { from: NEW_POD, identity: 901 }).verdict).toBe('policy-ingress');
    expect(lab.hear(udp(CLIENT, SERVICE), { from: NEW_POD }).verdict).toBe('redirect');
  });

  test('a relabelled one at its next packet, although nobody here knows of it', async () => {
    using lab = await OverlayLab.create({ b: ONLY_REMOTE });
    for (let i = 0; i < 3; i += 1) {
      expect(lab.hear(udp(CLIENT, SERVICE)).verdict).toBe('redirect');
      lab.send(lab.b, fromPod(lab.b, REMOTE_POD, udp(SERVICE, CLIENT)));
    }
    expect(lab.hear(udp(CLIENT, SERVICE), { identity: 901 }).verdict).toBe('policy-ingress');
    expect(lab.hear(udp(CLIENT, SERVICE)).verdict, 'and back').toBe('redirect');
    await lab.open(lab.b, EVERYTHING);
    expect(lab.hear(udp(CLIENT, SERVICE), { identity: 901 }).verdict).toBe('redirect');
    expect(
      lab.envelopeOf(lab.b, fromPod(lab.b, REMOTE_POD, udp(SERVICE, CLIENT))),
      'who is answered is who asked',
    ).toEqual({ node: OTHER_NODE, identity: 301, reach: 901 });
  });

  test('what was allowed is revoked in both directions', async () => {
    using lab = await OverlayLab.create({ b: ONLY_REMOTE });
    const answer = fromPod(lab.b, REMOTE_POD, udp(SERVICE, CLIENT));
    lab.hear(udp(CLIENT, SERVICE));
    expect(lab.send(lab.b, answer).verdict).toBe('redirect');
    await lab.open(lab.b, []);
    expect(lab.hear(udp(CLIENT, SERVICE)).verdict).toBe('policy-ingress');
    expect(lab.send(lab.b, answer).verdict).toBe('revoked');
  });
});

describe('an established connection', () => {
  async function established() {
    const lab = await OverlayLab.create();
    for (let i = 0; i < 3; i += 1) {
      expect(lab.hear(udp(CLIENT, SERVICE)).verdict).toBe('redirect');
      expect(lab.send(lab.b, fromPod(lab.b, REMOTE_POD, udp(SERVICE, CLIENT))).verdict).toBe('redirect');
    }
    return lab;
  }

  test.each([
    ['from another host', { node: WORLD }, 'unknown-node'],
    ['for a former owner', { reach: 302 }, 'stale-destination'],
    ['as a node', { identity: 6 }, 'forged-identity'],
    ['as nobody', { identity: 0 }, 'forged-identity'],
  ] as const)('is not entered %s', async (_name, forged, reason) => {
    using lab = await established();
    expect(lab.hear(udp(CLIENT, SERVICE), forged).verdict).toBe(reason);
    expect(lab.hear(udp(CLIENT, SERVICE)).verdict, 'and goes on').toBe('redirect');
  });

  test('is not entered from another node', async () => {
    using lab = await established();
    lab.join(WORLD, '10.244.3.0/24');
    expect(lab.hear(udp(CLIENT, SERVICE), { node: WORLD }).verdict).toBe('spoofed-ip');
  });

  test('is not entered without the overlay', async () => {
    using lab = await established();
    expect(lab.arrive(fromWorld(REMOTE_POD, B, udp(CLIENT, SERVICE))).verdict).toBe('unencapsulated');
    expect(lab.receive(lab.b, toPod(lab.b, REMOTE_POD, udp(CLIENT, SERVICE)), true).verdict).toBe('unencapsulated');
  });

  test('ends when its pod gets other labels, for who does not know it yet', async () => {
    using lab = await established();
    await lab.open(lab.b, EVERYTHING, 302);
    expect(lab.hear(udp(CLIENT, SERVICE)).verdict).toBe('stale-destination');
    expect(lab.hear(udp(CLIENT, SERVICE), { reach: 302 }).verdict).toBe('redirect');
  });

  test('is worth nothing to the next owner of its pod’s address', async () => {
    using lab = await established();
    lab.remove(lab.b);
    const heir = lab.pod({ id: 3, addr: B, identity: 302 });
    await lab.open(heir, []);
    expect(lab.hear(udp(CLIENT, SERVICE)).verdict).toBe('stale-destination');
    expect(lab.hear(udp(CLIENT, SERVICE), { reach: 302 }).verdict).toBe('policy-ingress');
    expect(lab.send(heir, fromPod(heir, REMOTE_POD, udp(SERVICE, CLIENT))).verdict).toBe('policy-egress');
  });
});

describe('a packet that opens, answers or ends a connection', () => {
  const FORGED = [
    ['from another host', { node: WORLD }, 'unknown-node'],
    ['for a former owner', { reach: 302 }, 'stale-destination'],
    ['as another', { identity: 901 }, 'policy-ingress'],
    ['as a node', { identity: 6 }, 'forged-identity'],
  ] as const;
  const ENDS = [['ACK'], ['FIN', 'ACK'], ['RST']] as const;

  async function answered() {
    const lab = await OverlayLab.create({ b: ONLY_REMOTE });
    lab.hear(tcp(CLIENT, SERVICE, 'SYN'));
    lab.send(lab.b, fromPod(lab.b, REMOTE_POD, tcp(SERVICE, CLIENT, 'SYN', 'ACK')));
    return lab;
  }

  test.each(FORGED)('is not believed %s', async (_name, forged, reason) => {
    using lab = await answered();
    const before = (await lab.entry())[1];
    for (const flags of ENDS) expect(lab.hear(tcp(CLIENT, SERVICE, ...flags), forged).verdict).toBe(reason);
    expect((await lab.entry())[1]).toEqual(before);
    for (const flags of ENDS) expect(lab.hear(tcp(CLIENT, SERVICE, ...flags)).verdict).toBe('redirect');
    lab.send(lab.a, fromPod(lab.a, REMOTE_POD, tcp(CLIENT, SERVICE, 'SYN')));
    const answer = { to: lab.a.addr, reach: 300 };
    // Policy is asked about who opened.
    const verdict = reason === 'policy-ingress' ? 'redirect' : reason;
    expect(lab.hear(tcp(SERVICE, CLIENT, 'SYN', 'ACK'), { ...answer, ...forged }).verdict).toBe(verdict);
    expect(lab.hear(tcp(SERVICE, CLIENT, 'SYN', 'ACK'), answer).verdict).toBe('redirect');
  });

  test('does not pass once that is revoked', async () => {
    using lab = await answered();
    await lab.open(lab.b, []);
    for (const flags of ENDS) {
      expect(lab.hear(tcp(CLIENT, SERVICE, ...flags)).verdict).toBe('policy-ingress');
      expect(lab.send(lab.b, fromPod(lab.b, REMOTE_POD, tcp(SERVICE, CLIENT, ...flags))).verdict).toBe('revoked');
    }
  });

  test('is worth nothing to the next owner of its pod’s address', async () => {
    using lab = await answered();
    lab.remove(lab.b);
    const heir = lab.pod({ id: 3, addr: B, identity: 302 });
    await lab.open(heir, []);
    for (const flags of ENDS) {
      expect(lab.hear(tcp(CLIENT, SERVICE, ...flags)).verdict).toBe('stale-destination');
      expect(lab.send(heir, fromPod(heir, REMOTE_POD, tcp(SERVICE, CLIENT, ...flags))).action).toBe('drop');
    }
  });

  test.each([
    ['a reset', ['RST'], []],
    ['FIN of both', ['FIN', 'ACK'], ['FIN', 'ACK']],
  ] as const)('ends what was open: %s', async (_name, there, here) => {
    using lab = await answered();
    for (let round = 0; round < 2; round += 1) {
      expect(lab.hear(tcp(CLIENT, SERVICE, 'ACK')).verdict).toBe('redirect');
      lab.send(lab.b, fromPod(lab.b, REMOTE_POD, tcp(SERVICE, CLIENT, 'ACK')));
    }
    expect(lab.hear(tcp(CLIENT, SERVICE, ...there)).verdict).toBe('redirect');
    if (here.length > 0) lab.send(lab.b, fromPod(lab.b, REMOTE_POD, tcp(SERVICE, CLIENT, ...here)));
    expect((await lab.datapath.connections())[0]?.flags).toContain('closing');
  });

  test('is told with who its two ends are, by whichever of them it ends', async () => {
    using here = await answered();
    const ends = { sourceEndpoint: 2, sourceIdentity: 301, destinationIdentity: REMOTE, isReply: true };
    expect(here.send(here.b, fromPod(here.b, REMOTE_POD, tcp(SERVICE, CLIENT, 'RST'))).events).toMatchObject([
      { type: 'close', hook: 'from-pod', ...ends },
    ]);
    using there = await answered();
    expect(there.hear(tcp(CLIENT, SERVICE, 'RST')).events).toMatchObject([
      { type: 'close', hook: 'from-overlay', sourceIdentity: REMOTE, destinationIdentity: 301, destinationEndpoint: 2 },
    ]);
  });
});

describe('a client outside, who came to a port of another node', () => {
  const SEEN = 1 << 24;
  const OUTSIDE = { from: STRANGER, identity: 2 } as const;
  const back = { node: OTHER_NODE, identity: 301, reach: 2 };
  const reply = (lab: OverlayLab, ...flags: Parameters<typeof tcp>[2][]) =>
    lab.envelopeOf(lab.b, fromPod(lab.b, STRANGER, tcp(SERVICE, CLIENT, ...flags)));

  test.each([2, SEEN])('is judged by his own address (%s) and answered through that node', async (identity) => {
    using lab = await OverlayLab.create({ b: [allow('ingress', identity, TCP, SERVICE)] });
    if (identity === SEEN) lab.identify(`${STRANGER}/32`, SEEN);
    expect(lab.hear(tcp(CLIENT, SERVICE, 'SYN'), OUTSIDE).verdict).toBe('redirect');
    expect(reply(lab, 'SYN', 'ACK')).toEqual(back);
    for (let i = 0; i < 3; i += 1) {
      expect(lab.hear(tcp(CLIENT, SERVICE, 'ACK'), OUTSIDE).verdict).toBe('redirect');
      expect(reply(lab, 'ACK', 'PSH')).toEqual(back);
    }
    lab.turn(STRANGER);
    expect(reply(lab, 'ACK'), 'judged anew').toEqual(back);
    const error = icmpError(STRANGER, B, tcp(CLIENT, SERVICE, 'ACK'));
    expect(lab.envelopeOf(lab.b, fromPod(lab.b, STRANGER, error))).toEqual(back);
    const router = icmpError(B, STRANGER, tcp(SERVICE, CLIENT, 'ACK'));
    expect(lab.hear(router, { ...OUTSIDE, from: WORLD }).verdict).toBe('redirect');
    await lab.open(lab.b, []);
    expect(lab.hear(tcp(CLIENT, SERVICE, 'ACK'), OUTSIDE).verdict).toBe('policy-ingress');
    expect(lab.send(lab.b, fromPod(lab.b, STRANGER, tcp(SERVICE, CLIENT, 'ACK'))).verdict).toBe('revoked');
  });

  test('is nobody whom a policy of another prefix lets in', async () => {
    using lab = await OverlayLab.create({ b: [allow('ingress', SEEN, TCP, SERVICE), allow('ingress', 6)] });
    lab.identify(`${WORLD}/32`, SEEN);
    expect(lab.hear(tcp(CLIENT, SERVICE, 'SYN'), OUTSIDE).verdict).toBe('policy-ingress');
    expect(lab.hear(tcp(CLIENT, SERVICE, 'SYN'), { ...OUTSIDE, from: WORLD }).verdict).toBe('redirect');
  });

  test('does not end what he has open by another way', async () => {
    using lab = await OverlayLab.create();
    lab.join(parseAddr('172.18.0.4'), '10.244.3.0/24');
    const other = { ...OUTSIDE, node: parseAddr('172.18.0.4') };
    lab.hear(tcp(CLIENT, SERVICE, 'SYN'), OUTSIDE);
    expect(lab.hear(tcp(CLIENT, SERVICE, 'SYN'), other).verdict, 'half open is not open').toBe('redirect');
    lab.hear(tcp(CLIENT, SERVICE, 'SYN'), OUTSIDE);
    reply(lab, 'SYN', 'ACK');
    lab.hear(tcp(CLIENT, SERVICE, 'ACK'), OUTSIDE);
    for (const flags of [['SYN'], ['ACK'], ['RST']] as const) {
      expect(lab.hear(tcp(CLIENT, SERVICE, ...flags), other).verdict).toBe('service-conflict');
    }
    expect(reply(lab, 'ACK')).toEqual(back);
  });

  test('sends no errors about connections between pods', async () => {
    using lab = await OverlayLab.create();
    lab.hear(udp(CLIENT, SERVICE));
    lab.send(lab.b, fromPod(lab.b, REMOTE_POD, udp(SERVICE, CLIENT)));
    const error = icmpError(B, REMOTE_POD, udp(SERVICE, CLIENT));
    expect(lab.hear(error, { ...OUTSIDE, from: WORLD }).verdict).toBe('icmp-unrelated');
    expect(lab.hear(error).verdict, 'as the pod itself does').toBe('redirect');
  });

  test('ends only what fits its sequence numbers', async () => {
    using lab = await OverlayLab.create();
    lab.hear(tcp(CLIENT, SERVICE, 'SYN'), OUTSIDE);
    reply(lab, 'SYN', 'ACK');
    lab.hear(tcp(CLIENT, SERVICE, 'ACK'), OUTSIDE);
    const reset = { ...tcp(CLIENT, SERVICE, 'RST'), sequence: 0x7000_0000 };
    lab.hear(reset, OUTSIDE);
    expect((await lab.entry())[1].flags & 2, 'not closing').toBe(0);
  });
});

test('fragments and errors get to whom they are for', async () => {
  using lab = await OverlayLab.create();
  const [first, rest] = fragmentsOf(REMOTE_POD, B, udp(CLIENT, SERVICE, new Uint8Array(64)), 24);
  const fragment = (transport: typeof first, ip: object) =>
    lab.arriveFrom({ node: OTHER_NODE, identity: REMOTE, reach: 301 }, fromWorld(REMOTE_POD, B, transport, { ip }));
  expect(fragment(first, { id: 5, moreFragments: true }).verdict).toBe('redirect');
  expect(fragment(rest, { id: 5, fragmentOffset: 24 }).verdict).toBe('redirect');
  lab.send(lab.b, fromPod(lab.b, REMOTE_POD, udp(SERVICE, CLIENT)));
  expect(lab.hear(icmpError(B, REMOTE_POD, udp(SERVICE, CLIENT))).verdict).toBe('redirect');
});

test('the API server’s node is known by its address', async () => {
  using lab = await OverlayLab.create({ b: [allow('ingress', 7)] });
  expect(lab.hear(tcp(CLIENT, SERVICE, 'SYN'), { from: OTHER_NODE, identity: 6 }).verdict).toBe('policy-ingress');
  lab.identify(`${OTHER_NODE}/32`, 7, 0, OTHER_NODE);
  expect(lab.hear(tcp(CLIENT, SERVICE, 'SYN'), { from: OTHER_NODE, identity: 6 }).verdict).toBe('redirect');
});

test('a node may send from any of its addresses', async () => {
  using lab = await OverlayLab.create();
  lab.identify(`${WORLD}/32`, 6, 0, OTHER_NODE);
  expect(lab.hear(udp(CLIENT, SERVICE), { node: WORLD }).verdict).toBe('redirect');
  const { node } = lab.envelopeOf(lab.b, fromPod(lab.b, REMOTE_POD, udp(SERVICE, CLIENT))) ?? {};
  expect(node, 'and is answered at the one that all know it by').toBe(OTHER_NODE);
});

describe('nobody is made to send VXLAN under the address of this node', () => {
  const PORT = 8472;

  test('a pod, to whom may be a node that is not known here yet', async () => {
    using lab = await OverlayLab.create();
    expect(lab.send(lab.a, fromPod(lab.a, WORLD, udp(CLIENT, PORT))).verdict).toBe('forged-tunnel');
    expect(lab.send(lab.a, fromPod(lab.a, B, udp(CLIENT, PORT))).verdict, 'a pod is no node').toBe('redirect');
    expect(lab.send(lab.a, fromPod(lab.a, REMOTE_POD, udp(CLIENT, PORT))).verdict).toBe('redirect');
    expect(lab.send(lab.a, fromPod(lab.a, WORLD, tcp(CLIENT, PORT, 'SYN'))).verdict, 'TCP').toBe('redirect');
  });

  test.each([
    ['another node', OTHER_NODE],
    ['this one', NODE],
    ['the world', WORLD],
  ])('a client of a node port whose backend is %s', async (_name, backend) => {
    using lab = await OverlayLab.create();
    const ports = { protocol: UDP, backendPort: PORT, backends: [backend] };
    const services = new Services(lab);
    services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', ...ports });
    services.set({ addr: ANY, port: NODE_PORT, scope: 'inside', ...ports });
    const client = lab.arrive(fromWorld(STRANGER, NODE, udp(CLIENT, NODE_PORT)));
    expect(client.verdict).toBe('forged-tunnel');
    expect(lab.send(lab.a, fromPod(lab.a, NODE, udp(CLIENT, NODE_PORT))).verdict).toBe('forged-tunnel');
  });

  test('a backend that answers a client who gives himself out as a node', async () => {
    using lab = await OverlayLab.create();
    const services = new Services(lab);
    services.set({ addr: ANY, port: NODE_PORT, protocol: UDP, scope: 'outside', backends: [B] });
    expect(lab.arrive(fromWorld(OTHER_NODE, NODE, udp(PORT, NODE_PORT))).verdict).toBe('forged-tunnel');
    expect(lab.arrive(fromWorld(OTHER_NODE, NODE, udp(PORT + 1, NODE_PORT))).verdict).toBe('redirect');
  });
});
