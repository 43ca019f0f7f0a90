import { describe, expect, test } from 'vitest';
import { type Addr, parseAddr } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { fromWorld, udp } from './frames.ts';
import { allow, EVERYTHING, NODE } from './lab.ts';
import { B, UDP } from './pair.ts';
import { ANY, NODE_PORT, serviceScene } from './service-lab.ts';

const C = parseAddr('10.244.1.33');
const FLOODED = NODE_PORT + 1;
/** AFFINITY_SHARE of bpf/lib/affinity.h. */
const SHARE = 4096;

const outside = (net: number, index: number): Addr => parseAddr(`198.${net}.${index >> 8}.${index & 255}`);
const CLIENTS = Array.from({ length: 24 }, (_, index) => outside(51, index + 1));

/** Two services with session affinity, each with two backends. */
async function scene() {
  const it = await serviceScene({ b: [allow('ingress', 2)], sizes: { conntrack: 16_384, translations: 32_768 } });
  const c = it.pair.pod({ id: 3, addr: C, identity: 301 });
  await it.pair.open(c, EVERYTHING);
  const serve = (port: number, affinitySeconds = 600) =>
    it.services.set({ addr: ANY, port, protocol: UDP, scope: 'outside', backends: [B, C], affinitySeconds });
  serve(NODE_PORT);
  serve(FLOODED);
  let source = 1_000;
  const ask = (client: Addr, port: number) => {
    source += 1;
    return parsePacket(it.pair.arrive(fromWorld(client, NODE, udp(source, port))).packet).ip?.destination;
  };
  const flood = (net: number, clients: number) => {
    for (let index = 1; index <= clients; index += 1)
      it.pair.arrive(fromWorld(outside(net, index), NODE, udp(9, FLOODED)));
  };
  const rows = async () => (await it.services.affinity.entries()).length;
  const expire = async (service: number) => {
    const { affinity } = it.services;
    for (const [key, value] of await affinity.entries())
      if (key.service === service) affinity.set(key, { ...value, seconds: 0 });
  };
  return { ...it, serve, ask, flood, rows, expire };
}

describe('clients of a service with session affinity', () => {
  test('keep their backend, whoever floods another service, or their own', async () => {
    using it = await scene();
    const choose = () => CLIENTS.map((client) => it.ask(client, NODE_PORT));
    const chooseThere = () => CLIENTS.map((client) => it.ask(client, FLOODED));
    const [first, there] = [choose(), chooseThere()];
    expect(new Set(first).size).toBe(2);
    it.flood(18, SHARE + 100);
    expect([choose(), chooseThere()]).toEqual([first, there]);
    expect(await it.rows()).toBe(SHARE + CLIENTS.length);
    // Who finds no room has a backend all the same, and always the same.
    const late = Array.from({ length: 16 }, (_, index) => outside(19, index + 1));
    const given = late.map((client) => it.ask(client, FLOODED));
    expect(new Set(given).size).toBe(2);
    expect(late.map((client) => it.ask(client, FLOODED))).toEqual(given);
  });

  test('are forgotten when their time is over, and their backend gone, and make room', async () => {
    using it = await scene();
    it.flood(18, SHARE);
    it.ask(outside(51, 1), NODE_PORT);
    it.pair.datapath.collect();
    expect(await it.rows()).toBe(SHARE + 1);
    await it.expire(FLOODED);
    it.pair.datapath.collect();
    expect(await it.rows()).toBe(1);
    it.flood(19, 10);
    expect(await it.rows()).toBe(11);
    for (const addr of [B, C]) it.services.maps.backends.delete(it.services.backendId(addr, UDP));
    it.pair.datapath.collect();
    expect(await it.rows()).toBe(0);
  });
});
