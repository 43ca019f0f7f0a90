import { describe, expect, test } from 'vitest';
import { type Addr, type TransportSpec } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { fromPod, fromWorld, icmpError, tcp, udp } from './frames.ts';
import { allow, GATEWAY, NODE, OPEN, type Outcome, SNAT_PORTS, WORLD } from './lab.ts';
import { A, B, CLIENT, FRONTEND, SERVICE, SPEECH, type Transport, UDP } from './pair.ts';
import { ANY, NODE_PORT, PROTOCOL_OF, seen, seenError, serviceScene, VIP, VIP_PORT } from './service-lab.ts';

const OPEN_TO_WORLD = [allow('ingress', 2), allow('ingress', FRONTEND)];
const OTHER_PORT = NODE_PORT + 1;
const ELSEWHERE = WORLD.replace('.7', '.200') as Addr;

type Scene = Awaited<ReturnType<typeof serviceScene>>;
/** What a client names as its server. */
type Target = { readonly addr: Addr; readonly port: number };
const ONE = { addr: NODE, port: NODE_PORT };
const TWO = { addr: NODE, port: OTHER_PORT };
const DIRECT = { addr: B, port: SERVICE };
const CLUSTER_IP = { addr: VIP, port: VIP_PORT };

const portOf = (outcome: Outcome): number => parsePacket(outcome.packet).transport?.sourcePort ?? 0;
const clientOf = (outcome: Outcome): string => `${parsePacket(outcome.packet).ip?.source}`;

/** Two node ports and a ClusterIP with one pod behind all of them. */
async function scene(name: Transport, backend: Addr = B): Promise<Scene> {
  const it = await serviceScene({ b: [...OPEN_TO_WORLD, OPEN.egress] });
  const common = { protocol: PROTOCOL_OF[name], backends: [backend] };
  for (const port of [NODE_PORT, OTHER_PORT]) it.services.set({ ...common, addr: ANY, port, scope: 'outside' });
  it.services.set({ ...common, addr: VIP, port: VIP_PORT });
  return it;
}

/** A client with one source port, outside or the pod `a`. */
function client(it: Scene, name: Transport, where: 'outside' | 'pod') {
  const { forth, back } = SPEECH[name];
  const self = where === 'pod' ? A : WORLD;
  const send = (to: Target, transport: TransportSpec): Outcome =>
    where === 'pod'
      ? it.pair.send(it.pair.a, fromPod(it.pair.a, to.addr, transport))
      : it.pair.arrive(fromWorld(WORLD, to.addr, transport));
  /** The backend's word to the port that it sees; as the client gets it. */
  const answer = (port: number, transport: (from: number, to: number) => TransportSpec) =>
    seen(it.pair.send(it.pair.b, fromPod(it.pair.b, self, transport(SERVICE, port))));
  /** Opens a connection and says what goes both ways; the port that the backend sees. */
  const open = (to: Target): number => {
    const first = forth.opening(CLIENT, to.port).map((transport) => send(to, transport));
    const port = portOf(first[0] as Outcome);
    expect(first.map((outcome) => [outcome.verdict, clientOf(outcome)])).toEqual([['redirect', self]]);
    for (const transport of back.opening(SERVICE, port)) expect(answer(port, () => transport)).toEqual(home(to));
    talk(to, port);
    return port;
  };
  const home = (to: Target) => ({
    verdict: to === DIRECT && where === 'outside' ? 'pass' : 'redirect',
    from: `${to.addr}:${to.port}`,
    to: `${self}:${CLIENT}`,
    sums: [true, true],
  });
  const talk = (to: Target, port: number): void => {
    for (let i = 0; i < 3; i += 1) {
      expect(seen(send(to, forth.data(CLIENT, to.port)))).toEqual({
        verdict: 'redirect',
        from: `${self}:${port}`,
        to: `${B}:${SERVICE}`,
        sums: [true, true],
      });
      expect(answer(port, back.data)).toEqual(home(to));
    }
  };
  return { send, open, talk, answer };
}

describe.each([
  ['TCP', 'outside', 'two node ports', ONE, TWO],
  ['UDP', 'outside', 'two node ports', ONE, TWO],
  ['TCP', 'outside', 'the pod, then a node port', DIRECT, ONE],
  ['UDP', 'outside', 'the pod, then a node port', DIRECT, ONE],
  ['TCP', 'outside', 'a node port, then the pod', ONE, DIRECT],
  ['UDP', 'outside', 'a node port, then the pod', ONE, DIRECT],
  ['TCP', 'pod', 'another pod, then its ClusterIP', DIRECT, CLUSTER_IP],
  ['UDP', 'pod', 'another pod, then its ClusterIP', DIRECT, CLUSTER_IP],
  ['TCP', 'pod', 'a ClusterIP, then its pod', CLUSTER_IP, DIRECT],
  ['UDP', 'pod', 'a ClusterIP, then its pod', CLUSTER_IP, DIRECT],
] as const)('%s from one port, %s: %s', (name, where, _title, first, second) => {
  test('both are connections of their own', async () => {
    using it = await scene(name);
    const { open, talk } = client(it, name, where);
    const ports = [open(first), open(second)] as const;
    expect(ports[0]).toBe(CLIENT);
    expect(ports[1]).not.toBe(CLIENT);
    talk(first, ports[0]);
    talk(second, ports[1]);
  });

  test('the second outlives the first, and the other way round', async () => {
    using it = await scene(name);
    const { open, talk, send } = client(it, name, where);
    const port = open(first);
    const moved = open(second);
    for (const [key] of (await it.pair.datapath.conntrack.entries()).filter(([{ port: ports }]) =>
      ports.includes(CLIENT),
    ))
      it.pair.datapath.conntrack.delete(key);
    talk(second, moved);
    // The first is a new one now, and its port is free.
    expect(portOf(send(first, SPEECH[name].forth.opening(CLIENT, first.port)[0] as TransportSpec))).toBe(port);
    talk(second, moved);
  });
});

describe('a port that stands for another', () => {
  test('is not given to a connection that really has it', async () => {
    using it = await scene('UDP');
    const { open } = client(it, 'UDP', 'outside');
    open(ONE);
    const moved = open(TWO);
    for (const to of [ONE, TWO, DIRECT]) {
      const outcome = it.pair.arrive(fromWorld(WORLD, to.addr, udp(moved, to.port)));
      expect(outcome.verdict).toBe('redirect');
      expect([CLIENT, moved]).not.toContain(portOf(outcome));
    }
  });

  test('is another client’s own matter', async () => {
    using it = await scene('UDP');
    const { open } = client(it, 'UDP', 'outside');
    open(ONE);
    const moved = open(TWO);
    expect(portOf(it.pair.arrive(fromWorld(ELSEWHERE, NODE, udp(moved, NODE_PORT))))).toBe(moved);
  });

  test('policy judges the client and the backend’s port', async () => {
    using it = await scene('TCP');
    const { open, send } = client(it, 'TCP', 'outside');
    open(ONE);
    await it.pair.open(it.pair.b, [allow('ingress', FRONTEND)]);
    for (const to of [TWO, DIRECT]) {
      const outcome = send(to, tcp(CLIENT, to.port, 'SYN'));
      expect(outcome.verdict).toBe('policy-ingress');
      expect(outcome.events[0]).toMatchObject({ source: WORLD, destination: B, destinationPort: SERVICE });
    }
    expect(await it.services.translations.entries()).toHaveLength(2);
  });

  test('a SYN that is repeated keeps it', async () => {
    using it = await scene('TCP');
    const { open, send } = client(it, 'TCP', 'outside');
    open(ONE);
    for (const to of [TWO, DIRECT]) {
      const ports = Array.from({ length: 3 }, () => portOf(send(to, tcp(CLIENT, to.port, 'SYN'))));
      expect(new Set(ports).size).toBe(1);
      expect(ports[0]).not.toBe(CLIENT);
    }
  });

  test('what ends one leaves the other', async () => {
    using it = await scene('TCP');
    const { open, send, talk, answer } = client(it, 'TCP', 'outside');
    const ports = [open(ONE), open(TWO), open(DIRECT)] as const;
    expect(new Set(ports).size).toBe(3);
    send(ONE, tcp(CLIENT, NODE_PORT, 'ACK', 'FIN'));
    answer(ports[0], (from, to) => tcp(from, to, 'ACK', 'FIN'));
    talk(TWO, ports[1]);
    talk(DIRECT, ports[2]);
    // Late packets of the one that is closed are not for what comes next.
    expect(portOf(send(TWO, tcp(CLIENT, OTHER_PORT, 'ACK')))).toBe(ports[1]);
  });

  test('a tuple that is closed and not forgotten is not another frontend’s', async () => {
    using it = await scene('TCP');
    const { open, send, answer } = client(it, 'TCP', 'outside');
    open(ONE);
    send(ONE, tcp(CLIENT, NODE_PORT, 'ACK', 'FIN'));
    answer(CLIENT, (from, to) => tcp(from, to, 'ACK', 'FIN'));
    expect(open(TWO)).not.toBe(CLIENT);
    // The same again is.
    expect(open(ONE)).toBe(CLIENT);
  });

  test('ICMP errors in both directions', async () => {
    using it = await scene('UDP');
    const { open } = client(it, 'UDP', 'outside');
    open(ONE);
    for (const to of [TWO, DIRECT]) {
      const port = open(to);
      const backends = fromPod(it.pair.b, WORLD, icmpError(WORLD, B, udp(port, SERVICE)));
      expect(seenError(it.pair.send(it.pair.b, backends))).toMatchObject({
        from: to.addr,
        to: WORLD,
        about: `${WORLD}:${CLIENT} ${to.addr}:${to.port}`,
        sums: [true, true, true],
      });
      const clients = fromWorld(WORLD, to.addr, icmpError(to.addr, WORLD, udp(to.port, CLIENT)));
      expect(seenError(it.pair.arrive(clients))).toMatchObject({
        verdict: 'redirect',
        from: WORLD,
        to: B,
        about: `${B}:${SERVICE} ${WORLD}:${port}`,
        sums: [true, true, true],
      });
    }
  });

  test('there is none left', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD, sizes: { conntrack: 131_072 } });
    for (const port of [NODE_PORT, OTHER_PORT])
      it.services.set({ addr: ANY, port, protocol: UDP, scope: 'outside', backends: [B] });
    const send = (to: Target) => it.pair.arrive(fromWorld(WORLD, to.addr, udp(CLIENT, to.port))).verdict;
    expect(send(ONE)).toBe('redirect');
    const [key, entry] = await it.pair.entry();
    const side = key.port.indexOf(CLIENT);
    for (let port = 1_024; port < 65_536; port += 1) {
      const ports: [number, number] = side === 0 ? [port, SERVICE] : [SERVICE, port];
      it.pair.datapath.conntrack.set({ ...key, port: ports }, entry);
    }
    for (const to of [TWO, DIRECT]) expect(send(to)).toBe('service-conflict');
    expect(send(ONE)).toBe('redirect');
  });

  test('a backend elsewhere', async () => {
    using it = await scene('TCP', ELSEWHERE);
    const out = [ONE, TWO].map((to) => it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, to.port, 'SYN'))));
    const ports = out.map(portOf);
    expect(out.map(({ verdict }) => verdict)).toEqual(['redirect', 'redirect']);
    expect(new Set(ports).size).toBe(2);
    for (const [i, to] of [ONE, TWO].entries()) {
      expect(ports[i]).toBeGreaterThanOrEqual(SNAT_PORTS.min);
      const back = fromWorld(ELSEWHERE, NODE, tcp(SERVICE, ports[i] ?? 0, 'SYN', 'ACK'));
      expect(seen(it.pair.arrive(back))).toEqual({
        verdict: 'redirect',
        from: `${NODE}:${to.port}`,
        to: `${WORLD}:${CLIENT}`,
        sums: [true, true],
      });
    }
  });

  test('a pod that is its own backend through two frontends', async () => {
    using it = await scene('UDP', A);
    it.services.set({ addr: VIP, port: VIP_PORT + 1, protocol: UDP, backends: [A] });
    const say = (to: Addr, source: number, port: number) =>
      seen(it.pair.send(it.pair.a, fromPod(it.pair.a, to, udp(source, port))));
    const [one, two] = [VIP_PORT, VIP_PORT + 1].map((port) => say(VIP, CLIENT, port).from) as [string, string];
    expect(one).toBe(`${GATEWAY}:${CLIENT}`);
    expect(two).not.toBe(one);
    for (const [port, from] of [
      [VIP_PORT, one],
      [VIP_PORT + 1, two],
    ] as const) {
      expect(say(VIP, CLIENT, port).from).toBe(from);
      expect(say(GATEWAY, SERVICE, Number(from.split(':')[1]))).toMatchObject({
        from: `${VIP}:${port}`,
        to: `${A}:${CLIENT}`,
        sums: [true, true],
      });
    }
  });
});
