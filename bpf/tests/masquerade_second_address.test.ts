import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROTOCOL_NUMBERS } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { addr, fromPod, udp } from './frames.ts';
import { EVERYTHING, NODE, WORLD } from './lab.ts';
import { A, Pair } from './pair.ts';
import { Services } from './service-lab.ts';

/** Of the node at the device that leads to the world here. */
const OWN = addr('192.168.77.1');
const DEVICE = 'mbr-side';
const PORTS = [40_000, 40_001, 40_002, 40_003] as const;
const [, TAKEN] = PORTS;
const DNS = 53;
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
