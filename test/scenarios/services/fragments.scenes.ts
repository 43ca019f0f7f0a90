import { expect, it } from 'vitest';
import { newMarker, podFrame, udp } from '../../../src/demonstration/frames/frames.ts';
import { sendFrames, startCount } from '../../../src/demonstration/tools/frame-tool.ts';
import { type Addr, buildDatagram, parseAddr, parseMac, type TransportSpec } from '../../../src/net/index.ts';
import { netnsPath } from '../../../src/sandbox/machine/netns.ts';
import { WORLD } from '../../../src/sandbox/machine/paths.ts';
import { eventually } from './eventually.ts';
import { lab } from './shared-lab.ts';

const world = netnsPath(WORLD);
const CLIENT = parseAddr('198.51.100.1');
/** Of a datagram of 2,000 bytes on a network of 1,500: a multiple of 8. */
const CUT = 1_480;
const [HEAD, TAIL] = [newMarker(), newMarker()];

type Frames = readonly [first: Uint8Array, rest: Uint8Array];

/** As a client outside sends it: the first fragment has the ports, the rest has none. */
async function datagram(to: Addr, port: number, source: number, id: number): Promise<Frames> {
  const { stdout } = await lab.cluster.nodeExec('node-1', ['ip', '-j', 'link', 'show', 'eth0']);
  const [link] = JSON.parse(stdout) as { address: string }[];
  const payload = new Uint8Array(2_000);
  payload.set(HEAD, 0);
  payload.set(TAIL, payload.length - TAIL.length);
  const ends = { kind: 'ipv4', source: CLIENT, destination: to } as const;
  const body = buildDatagram({ network: ends, transport: udp(source, port, payload) }).subarray(20);
  const frame = (bytes: Uint8Array, network: object) => {
    const transport: TransportSpec = { kind: 'raw', protocol: 17, bytes };
    const from = { ip: CLIENT, mac: parseMac('02:00:00:00:00:02') };
    const ethernet = { destination: parseMac(link?.address ?? '') };
    return podFrame(from, to, transport, { ethernet, network: { id, ...network } });
  };
  return [frame(body.subarray(0, CUT), { moreFragments: true }), frame(body.subarray(CUT), { fragmentOffset: CUT })];
}

// cilium#25709; README says that a datagram whose fragments come in the wrong order is lost.
it('of 2,000 bytes to a node port in the wrong order nothing reaches the pod, and a flow says why; in order all does', async () => {
  const scene = await lab.scene();
  const ports = [{ port: 80, targetPort: 8080, protocol: 'UDP' }];
  const [{ nodePort }] = await Promise.all([
    scene.service('web', { type: 'NodePort', ports }),
    scene.pods(['web'], 'web', { serves: ['tcp:8080', 'udp:8080'] }),
  ]);
  await scene.served('web', 1);
  const node = parseAddr(lab.node.ip);
  const netns = (await lab.cluster.netnsOf(scene.namespace, 'web')) ?? '';
  const counter = await startCount(netns, { devices: ['eth0'], patterns: { head: HEAD, tail: TAIL } });
  const send = async (frames: readonly Uint8Array[]) => await sendFrames(world, frames, { device: 'mbrup1', count: 1 });
  const counted = async () => (await counter.report()).matches;

  await send(await datagram(node, nodePort, 41_000, 7));
  await eventually('all of it arrives', async () => (await counted())['tail'] === 1);
  const [first, rest] = await datagram(node, nodePort, 41_001, 8);
  await send([rest, first]);
  // Whatever comes of it comes before this one.
  await send(await datagram(node, nodePort, 41_002, 9));
  await eventually('the next one arrives', async () => ((await counted())['tail'] ?? 0) >= 2);
  const { matches, lost } = await counter.stop();
  expect([matches, lost]).toEqual([{ head: 2, tail: 2 }, 0]);
  await eventually('a flow says so', async () => {
    const filter = { verdict: ['dropped' as const], reason: ['fragment-unknown' as const] };
    for await (const line of lab.api.observe({ filter, last: 10 })) {
      if (line.kind === 'flow' && line.flow.source.port === 41_001) return true;
    }
    return false;
  });
});

it('a client outside that sends 2,000 bytes as its kernel cuts them is answered through a node port', async () => {
  const scene = await lab.scene();
  const ports = [{ port: 80, targetPort: 8080, protocol: 'UDP' }];
  const [{ nodePort }] = await Promise.all([
    scene.service('web', { type: 'NodePort', ports }),
    scene.pods(['web'], 'web', { serves: ['tcp:8080', 'udp:8080'] }),
  ]);
  await scene.served('web', 1);
  const ask = `head -c 2000 /dev/zero | tr '\\0' x | socat -b 4000 -T 5 -t 5 - UDP:${lab.node.ip}:${nodePort}`;
  let said = '';
  await eventually('an answer comes', async () => {
    said = (await scene.run('world', ['sh', '-c', ask])).stdout;
    return said !== '';
  });
  expect(said).toMatch(/^web /);
});
