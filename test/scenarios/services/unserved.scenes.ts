import { describe, expect, it } from 'vitest';
import { podFrame, syn } from '../../../src/demonstration/frames/frames.ts';
import { sendFrames, startCount } from '../../../src/demonstration/tools/frame-tool.ts';
import { type Addr, addrBytes, macOfAddr, parseAddr, parseMac } from '../../../src/net/index.ts';
import { netnsPath } from '../../../src/sandbox/machine/netns.ts';
import { WORLD } from '../../../src/sandbox/machine/paths.ts';
import { eventually } from './eventually.ts';
import { type Place, REFUSED, type Scene } from './scene.ts';
import { lab } from './shared-lab.ts';

const world = netnsPath(WORLD);
const PORTS = [{ port: 80, targetPort: 8080 }];
/** Of the sandbox's range of services, and nobody's. */
const UNALLOCATED = parseAddr('10.111.222.33');

/** How often the IPv4 addresses are in frames that the world sees while `act` runs. */
async function leaves(addrs: readonly Addr[], act: () => Promise<void>): Promise<Record<string, number>> {
  const patterns = Object.fromEntries(addrs.map((addr) => [addr.replaceAll('.', '-'), addrBytes(addr)]));
  const counter = await startCount(world, { devices: ['mbrup1'], patterns });
  await act();
  const { matches, lost } = await counter.stop();
  expect(lost).toBe(0);
  return matches;
}

/** The world answers at these addresses, as an impostor would. */
async function impostor(addrs: readonly Addr[]): Promise<AsyncDisposable> {
  const change = async (verb: string) => {
    for (const addr of addrs) await lab.cluster.worldExec(['ip', 'addr', verb, `${addr}/32`, 'dev', 'lo']);
  };
  await change('add');
  return { [Symbol.asyncDispose]: async () => await change('del') };
}

/** Asks in every way that a service does not serve. Connections are refused, and no datagram is sent. */
async function askAll(scene: Scene, place: Place, clusterIP: string): Promise<void> {
  const [port, address] = await Promise.all([
    scene.curl(place, `${clusterIP}:81`),
    scene.curl(place, `${UNALLOCATED}:80`),
    scene.dig(place, clusterIP, 80, '+time=1'),
    scene.dig(place, UNALLOCATED, 53, '+time=1'),
    scene.run(place, ['ping', '-c', '2', '-i', '0.2', '-W', '1', clusterIP]),
    scene.run(place, ['ping', '-c', '2', '-i', '0.2', '-W', '1', UNALLOCATED]),
  ]);
  expect([port.code, address.code]).toEqual([REFUSED, REFUSED]);
}

/** What no socket hook sees: SYNs of a raw socket. */
async function sendRaw(scene: Scene, pod: string, addrs: readonly Addr[]): Promise<void> {
  const ip = parseAddr(await scene.podIp(pod));
  const netns = (await lab.cluster.netnsOf(scene.namespace, pod)) ?? '';
  const frames = addrs.map((addr) => podFrame({ ip, mac: macOfAddr(ip) }, addr, syn(4000, 81, new Uint8Array(0))));
  await sendFrames(netns, frames, { count: 5 });
  await lab.cluster.worldExec(['sleep', '0.1']);
}

describe('addresses of services that nobody serves', () => {
  it.each(['client', 'node'])('are refused at once and never leave the node, asked by %s', async (place) => {
    const scene = await lab.scene();
    const [{ clusterIP }] = await Promise.all([
      scene.service('web', { ports: PORTS }),
      scene.pod('client'),
      scene.pods(['a'], 'web'),
    ]);
    await scene.served('web', 1);
    const addrs = [parseAddr(clusterIP), UNALLOCATED];
    await using _ = await impostor(addrs);
    const seen = await leaves(addrs, async () => {
      await askAll(scene, place, clusterIP);
      if (place === 'client') await sendRaw(scene, place, addrs);
    });
    expect(Object.values(seen)).toEqual([0, 0]);
    // What it serves it goes on to serve.
    expect((await scene.curl(place, `${clusterIP}:80`)).names).toEqual(['a']);
  });

  it('are told as what they are, and not as the world', async () => {
    const scene = await lab.scene();
    const [{ clusterIP }] = await Promise.all([scene.service('web', { ports: PORTS }), scene.pod('client')]);
    await scene.served('web', 0);
    await sendRaw(scene, 'client', [parseAddr(clusterIP)]);
    expect(await scene.dropped('client')).toMatchObject({
      dropReason: 'service-unknown',
      destination: { labels: ['reserved:service-range'] },
    });
  });

  it.each(['10.96.0.0/12', '10.0.0.0/8', '0.0.0.0/0', 'CLUSTER-IP/32', `${UNALLOCATED}/32`])(
    'do not leave because a policy names the block %s',
    async (block) => {
      const scene = await lab.scene();
      const [{ clusterIP }] = await Promise.all([scene.service('web', { ports: PORTS }), scene.pod('client')]);
      const egress = [{ to: [{ ipBlock: { cidr: block.replace('CLUSTER-IP', clusterIP) } }] }];
      const spec = { podSelector: {}, policyTypes: ['Egress'], egress };
      await scene.apply('networking.k8s.io/v1', 'NetworkPolicy', { spec }, { name: 'block' });
      await eventually('the policy is in force', async () => {
        const policies = await lab.api.policies();
        return policies.some(({ namespace, state }) => namespace === scene.namespace && state === 'applied');
      });
      const addrs = [parseAddr(clusterIP), UNALLOCATED];
      const seen = await leaves(addrs, async () => {
        await askAll(scene, 'client', clusterIP);
        await sendRaw(scene, 'client', addrs);
      });
      expect(Object.values(seen)).toEqual([0, 0]);
    },
  );

  it('are not forwarded for the world, nor is anybody believed who has one', async () => {
    const scene = await lab.scene();
    const [{ clusterIP }, pod] = await Promise.all([
      scene.service('web', { ports: PORTS }),
      scene.pod('open', { serves: ['tcp:8080'] }),
    ]);
    const { stdout } = await lab.cluster.nodeExec('node-1', ['ip', '-j', 'link', 'show', 'eth0']);
    const [link] = JSON.parse(stdout) as { address: string }[];
    const mac = parseMac(link?.address ?? '');
    const frame = (source: string, destination: string) =>
      podFrame(
        { ip: parseAddr(source), mac: parseMac('02:00:00:00:00:02') },
        parseAddr(destination),
        syn(4000, 81, new Uint8Array(0)),
        {
          ethernet: { destination: mac },
        },
      );
    const forwarded = await leaves([parseAddr(clusterIP)], async () => {
      await sendFrames(world, [frame('198.51.100.1', clusterIP)], { device: 'mbrup1', count: 10 });
      await lab.cluster.worldExec(['sleep', '0.1']);
    });
    expect(Object.values(forwarded)).toEqual([0]);
    const netns = (await lab.cluster.netnsOf(scene.namespace, 'open')) ?? '';
    const counter = await startCount(netns, { devices: ['eth0'], patterns: { source: addrBytes(UNALLOCATED) } });
    await sendFrames(world, [frame(UNALLOCATED, pod)], { device: 'mbrup1', count: 10 });
    await lab.cluster.worldExec(['sleep', '0.1']);
    expect((await counter.stop()).matches).toEqual({ source: 0 });
  });
});

describe('the address of a pod that is gone', () => {
  it.each(['client', 'node'])(
    'never leaves the node, asked by %s, and nobody outside answers for it',
    async (place) => {
      const scene = await lab.scene();
      const [, addr] = await Promise.all([scene.pod('client'), scene.pod('gone', { serves: ['tcp:8080', 'udp:53'] })]);
      const talker = await scene.talker(place, 'tcp', addr, 8080);
      expect(await talker.ask()).toMatch(/^answer/);
      await scene.remove('pods', 'gone');
      await lab.cluster.waitGone(scene.namespace, 'gone');
      const addrs = [parseAddr(addr)];
      await using _ = await impostor(addrs);
      const seen = await leaves(addrs, async () => {
        await Promise.all([
          talker.ask(300),
          scene.curl(place, `${addr}:8080`, { seconds: 0.5 }),
          scene.dig(place, addr, 53, '+time=1'),
          scene.run(place, ['ping', '-c', '2', '-i', '0.2', '-W', '1', addr]),
        ]);
      });
      expect(Object.values(seen)).toEqual([0]);
      if (place === 'client') expect(await scene.dropped('client')).toMatchObject({ dropReason: 'no-endpoint' });
    },
  );
});

describe('a refusal at the socket', () => {
  /** Of who asked. */
  const dropsOf = async (scene: Scene, place: Place): Promise<Record<string, number>> => {
    const nodes = await lab.api.nodes();
    const endpoints = await lab.api.endpoints();
    const found = endpoints.find(({ namespace, pod }) => namespace === scene.namespace && pod === place);
    const drops =
      place === 'node'
        ? nodes.find(({ local }) => local)?.drops
        : found && (await lab.api.endpoint({ id: found.id })).counters?.drops;
    return Object.fromEntries(
      (drops ?? []).map(({ reason, direction, packets }) => [`${reason} ${direction}`, packets]),
    );
  };
  const told = async (address: string) => {
    const found: unknown[] = [];
    await eventually(`refusals at ${address} are told of`, async () => {
      found.length = 0;
      for await (const line of lab.api.observe({ filter: { verdict: ['dropped'] }, last: 1_000 })) {
        if (line.kind === 'flow' && line.flow.destination.addr === address) found.push(line.flow);
      }
      return found.length === 2;
    });
    return found;
  };

  it.each(['client', 'node'])('is told of, and counted for who asked: %s', async (place) => {
    const scene = await lab.scene();
    const [{ clusterIP }] = await Promise.all([scene.service('web', { ports: PORTS }), scene.pod('client')]);
    await scene.served('web', 0);
    const before = await dropsOf(scene, place);
    expect((await scene.curl(place, `${clusterIP}:80`)).code).toBe(REFUSED);
    expect((await scene.curl(place, `${clusterIP}:81`)).code).toBe(REFUSED);
    const source = place === 'node' ? { labels: ['reserved:host'] } : { namespace: scene.namespace, pod: 'client' };
    const destination = { addr: clusterIP, labels: ['reserved:service-range'] };
    const flow = { hook: 'socket', direction: 'egress', protocol: 'TCP', source };
    expect(await told(clusterIP)).toMatchObject([
      { ...flow, dropReason: 'no-backend', destination: { ...destination, port: 80 } },
      { ...flow, dropReason: 'service-unknown', destination: { ...destination, port: 81 } },
    ]);
    const after = await dropsOf(scene, place);
    for (const reason of ['no-backend egress', 'service-unknown egress']) {
      expect(after[reason]).toBe((before[reason] ?? 0) + 1);
    }
    const metrics = await lab.api.metrics();
    for (const reason of ['no-backend', 'service-unknown']) {
      expect(metrics).toMatch(
        new RegExp(`^membrane_datapath_packets_total\\{reason="${reason}",direction="egress"\\} [1-9]`, 'm'),
      );
    }
  });

  it('is told of the same pod by an agent that was started anew', async () => {
    const scene = await lab.scene();
    await scene.pod('client');
    await lab.cluster.killAgent('node-1');
    await lab.cluster.startAgent('node-1');
    await lab.agentReady();
    expect((await scene.curl('client', `${UNALLOCATED}:80`)).code).toBe(REFUSED);
    expect(await scene.dropped('client')).toMatchObject({ dropReason: 'service-unknown', hook: 'socket' });
  });
});

it('a node port without backends refuses the world at once, and serves it when there is one', async () => {
  const scene = await lab.scene();
  const { nodePort } = await scene.service('web', { type: 'NodePort', ports: PORTS });
  await scene.served('web', 0);
  const target = `${lab.node.ip}:${nodePort}`;
  expect((await scene.curl('world', target)).code).toBe(REFUSED);
  await scene.pods(['a'], 'web');
  await scene.answeredBy('world', target, ['a']);
});
