import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROTOCOL_NUMBERS } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { addr, fromPod, udp } from './frames.ts';
import { EVERYTHING, GATEWAY_MAC, NODE, WORLD } from './lab.ts';
import { A, Pair } from './pair.ts';
import { Services, VIP, VIP_PORT } from './service-lab.ts';

/** Of the node at the device that leads to the world here. */
const OWN = addr('192.168.77.1');
const DEVICE = 'mbr-side';
const PORTS = [40_000, 40_001, 40_002, 40_003] as const;
const [, TAKEN] = PORTS;
const DNS = 53;
/** RFC 1191: behind Ethernet, IPv4 and the first six bytes of ICMP. */
const NEXT_HOP_MTU_AT = 14 + 20 + 6;
/** In an IPv4 header. */
const ADDRESSES_AT = 12;
/** Programs run as if a packet had come in by the loopback: they ask the kernel for a way from there. */
const FORWARDING = '/proc/sys/net/ipv4/conf/lo/forwarding';

let before = '';

beforeAll(() => {
  before = readFileSync(FORWARDING, 'ascii');
  const commands = [
    `link add ${DEVICE} type veth peer name ${DEVICE}-end`,
    `addr add ${OWN}/24 dev ${DEVICE}`,
    `link set ${DEVICE}-end up`,
    `link set ${DEVICE} up`,
    `route add ${WORLD}/32 dev ${DEVICE}`,
  ];
  execFileSync('ip', ['-batch', '-'], { input: commands.join('\n') });
  writeFileSync(FORWARDING, '1');
});
afterAll(() => {
  writeFileSync(FORWARDING, before);
  execFileSync('ip', ['link', 'del', DEVICE]);
});

const node = () => Pair.create({ a: EVERYTHING, config: { snatPortMin: PORTS[0], snatPortMax: PORTS.at(-1) ?? 0 } });

/** Under which ports connections of a pod leave until there is none, and why the next one does not. */
function taken(pair: Pair): { readonly ports: readonly number[]; readonly last: string } {
  const ports: number[] = [];
  for (let source = 1; source <= PORTS.length + 1; source += 1) {
    const { verdict, packet } = pair.send(pair.a, fromPod(pair.a, WORLD, udp(source, DNS)));
    if (verdict !== 'redirect') return { ports: ports.toSorted((a, b) => a - b), last: verdict };
    const { ip, transport } = parsePacket(packet);
    expect(ip?.source).toBe(OWN);
    ports.push(transport?.sourcePort ?? 0);
  }
  return { ports, last: 'none' };
}

const others = PORTS.filter((port) => port !== TAKEN);

test.each([
  ['the device that it leaves by', OWN],
  ['every device', addr('0.0.0.0')],
])('a port that a process of the node has at the address of %s leads no pod out', async (_of, at) => {
  using pair = await node();
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = createSocket('udp4').bind(TAKEN, at, resolve);
  await promise;
  try {
    expect(taken(pair)).toEqual({ ports: others, last: 'nat-exhausted' });
  } finally {
    await new Promise<void>((done) => void socket.close(done));
  }
});

test.each([OWN, NODE])('a port that a pod has of the node at %s leads no other out', async (at) => {
  using pair = await node();
  const services = new Services(pair);
  services.set({ addr: at, port: TAKEN, protocol: PROTOCOL_NUMBERS.UDP, scope: 'outside', backends: [A] });
  expect(taken(pair)).toEqual({ ports: others, last: 'nat-exhausted' });
});

describe('a packet that is too long for the device', () => {
  const MTU = 1000;
  const long = (dontFragment: boolean, source = 5) =>
    [udp(source, DNS, new Uint8Array(MTU)), { ip: { dontFragment } }] as const;

  beforeAll(() => void execFileSync('ip', ['link', 'set', DEVICE, 'mtu', `${MTU}`]));
  afterAll(() => void execFileSync('ip', ['link', 'set', DEVICE, 'mtu', '1500']));

  test.each([
    ['before anything is known of its connection', false],
    ['of a connection that there is', true],
  ])('%s: its pod is told how long it may be, and nothing leaves', async (_when, isKnown) => {
    using pair = await node();
    if (isKnown) expect(pair.send(pair.a, fromPod(pair.a, WORLD, udp(5, DNS))).verdict).toBe('redirect');
    for (const dontFragment of [true, false]) {
      const frame = fromPod(pair.a, WORLD, ...long(dontFragment));
      const { action, packet, events } = pair.send(pair.a, frame);
      expect(events.map(({ type, reason }) => [type, reason])).toEqual([['drop', 'packet-too-long']]);
      expect(action).toBe('redirect');
      const told = parsePacket(packet);
      expect(told).toMatchObject({
        source: GATEWAY_MAC,
        destination: pair.a.mac,
        ip: { source: NODE, destination: A, checksumOk: true },
        transport: { icmp: { type: 3, code: 4 }, checksumOk: true },
      });
      expect(new DataView(packet.buffer, packet.byteOffset).getUint16(NEXT_HOP_MTU_AT)).toBe(MTU);
      // Its id is one of the pod's own already where it may be cut.
      expect(told.transport?.payload.subarray(ADDRESSES_AT)).toEqual(frame.subarray(14 + ADDRESSES_AT, 14 + 28));
    }
  });

  test('one that just fits leaves', async () => {
    using pair = await node();
    const fits = udp(5, DNS, new Uint8Array(MTU - 28));
    expect(pair.send(pair.a, fromPod(pair.a, WORLD, fits, { ip: { dontFragment: true } })).verdict).toBe('redirect');
  });

  test('through a service: the pod is told of what it has sent', async () => {
    using pair = await node();
    new Services(pair).set({ addr: VIP, port: VIP_PORT, protocol: PROTOCOL_NUMBERS.UDP, backends: [WORLD] });
    expect(pair.send(pair.a, fromPod(pair.a, VIP, udp(5, VIP_PORT))).verdict).toBe('redirect');
    const frame = fromPod(pair.a, VIP, udp(5, VIP_PORT, new Uint8Array(MTU)), { ip: { dontFragment: true } });
    const { action, packet } = pair.send(pair.a, frame);
    expect(action).toBe('redirect');
    const quoted = parsePacket(packet).transport?.payload ?? new Uint8Array();
    expect(quoted.subarray(0, 24)).toEqual(frame.subarray(14, 14 + 24));
  });
});
