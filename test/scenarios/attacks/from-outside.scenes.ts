import { describe, expect, it } from 'vitest';
import { BROADCAST_MAC, newMarker, ping, podFrame, syn, udp } from '../../../src/demonstration/frames/frames.ts';
import type { Actor } from '../../../src/demonstration/stage/stage.ts';
import { tenantScene } from '../../../src/demonstration/stage/tenants.ts';
import { sendFrames, startCount } from '../../../src/demonstration/tools/frame-tool.ts';
import { parseAddr, parseMac, type TransportSpec } from '../../../src/net/index.ts';
import { lab } from './shared-sandbox.ts';

const OUTSIDER = parseAddr('198.51.100.1');
const COUNT = 20;

/** Somebody on the node's network who writes any frame he likes (GHSA-g8fc-vrcg-8vjg, CVE-2020-8558). */
describe('frames from the world', () => {
  async function nodeMac() {
    const { stdout } = await lab.cluster.nodeExec('node-1', ['ip', '-j', 'link', 'show', 'eth0']);
    const [link] = JSON.parse(stdout) as { address: string }[];
    return parseMac(link?.address ?? '');
  }

  /** Sends one kind of frame from the world to a pod and says what arrived, and how the node's device judged. */
  async function fromWorld(
    to: Actor,
    transport: (marker: Uint8Array) => TransportSpec,
    changes: Parameters<typeof podFrame>[3] & { source?: string; destination?: string } = {},
    wanted: { arrived?: number; isTold?: boolean } = {},
  ): Promise<{ arrived: number; reason: string | undefined; sender: string | undefined }> {
    const marker = newMarker();
    const counter = await startCount(to.netns, { devices: ['eth0'], patterns: { marker } });
    const since = Date.now() - 1;
    const source = parseAddr(changes.source ?? OUTSIDER);
    const destination = parseAddr(changes.destination ?? to.ip);
    const frame = podFrame({ ip: source, mac: parseMac('02:00:00:00:00:02') }, destination, transport(marker), {
      ...changes,
      ethernet: { destination: await nodeMac(), ...changes.ethernet },
    });
    const report = await sendFrames(lab.stage.worldNetns, [frame], { device: 'mbrup1', count: COUNT });
    expect(report).toMatchObject({ sent: COUNT, failed: 0 });
    await lab.stage.settle(50);
    await lab.stage.inTheEnd(
      async () => (await counter.report()).matches['marker'] ?? 0,
      (arrived) => arrived >= (wanted.arrived ?? 0),
    );
    const flow = await lab.stage.witness.find(
      (seen) => seen.verdict === 'dropped' && seen.source.addr === source && seen.destination.addr === destination,
      { since, timeoutMs: wanted.isTold === true ? 20_000 : 500 },
    );
    const counted = await counter.stop();
    expect(counted.lost).toBe(0);
    return { arrived: counted.matches['marker'] ?? 0, reason: flow?.dropReason, sender: flow?.source.pod };
  }

  const toBackend = (marker: Uint8Array) => syn(40_000, 8080, marker);

  it('reach a pod that nothing isolates: the way is open as such', async () => {
    await lab.stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'open' } });
    const open = await lab.stage.startPod({ namespace: 'open', name: 'open', labels: { app: 'open' } });
    expect(await fromWorld(open, toBackend, {}, { arrived: COUNT })).toEqual({
      arrived: COUNT,
      reason: undefined,
      sender: undefined,
    });
  });

  it.each([
    ['opening a connection', toBackend, {}, 'policy-ingress'],
    [
      'in the middle of one',
      (m: Uint8Array) => ({ ...syn(40_000, 8080, m), flags: ['ACK'] as const }),
      {},
      'policy-ingress',
    ],
    ['with a ping', (m: Uint8Array) => ping(1, m), {}, 'policy-ingress'],
    [
      'with an answer',
      (m: Uint8Array): TransportSpec => ({ kind: 'icmp', type: 0, id: 1, payload: m }),
      {},
      'icmp-unrelated',
    ],
    [
      'with IP options',
      (m: Uint8Array) => udp(1, 8080, m),
      { network: { options: Uint8Array.of(131, 3, 4, 0) } },
      'ip-options',
    ],
    [
      'with a later fragment',
      (m: Uint8Array): TransportSpec => ({ kind: 'raw', protocol: 17, bytes: m }),
      { network: { fragmentOffset: 64 } },
      'fragment-unknown',
    ],
    ['as a pod (the frontend)', toBackend, { source: 'frontend' }, 'spoofed-ip'],
    ['as the node', toBackend, { source: 'node' }, 'spoofed-ip'],
    ['as 127.0.0.1', toBackend, { source: '127.0.0.1' }, 'loopback-address'],
    ['to 127.0.0.1', toBackend, { destination: '127.0.0.1' }, 'loopback-address'],
    ['from an address that nobody has', toBackend, { source: '255.255.255.255' }, 'martian'],
    ['in a frame to everybody', toBackend, { ethernet: { destination: BROADCAST_MAC } }, 'martian'],
    [
      'as a pod in a frame to everybody',
      toBackend,
      { source: 'frontend', ethernet: { destination: BROADCAST_MAC } },
      'spoofed-ip',
    ],
    ['with a VLAN tag', toBackend, { ethernet: { vlan: 7 } }, undefined],
  ] as const)('do not reach a backend %s', async (_how, transport, changes, reason) => {
    const { frontend, backend } = await tenantScene(lab.stage, 'tenant-a');
    const named: Readonly<Record<string, string>> = { frontend: frontend.ip, node: lab.stage.node.ip };
    const source = 'source' in changes ? (named[changes.source] ?? changes.source) : undefined;
    const asked = { ...changes, ...(source !== undefined && { source }) };
    const outcome = await fromWorld(backend, transport, asked, { isTold: reason !== undefined });
    // Whoever it pretends to be, the log names nobody.
    expect(outcome).toEqual({ arrived: 0, reason, sender: undefined });
  });

  it('do not reach a process on the loopback of the node', async () => {
    const marker = newMarker();
    const counter = await startCount(lab.stage.node.netnsPath, { local: true, patterns: { marker } });
    const mac = await nodeMac();
    const party = { ip: OUTSIDER, mac: parseMac('02:00:00:00:00:02') };
    const frames = [
      podFrame(party, parseAddr('127.0.0.1'), udp(1, 53, marker), { ethernet: { destination: mac } }),
      podFrame({ ...party, ip: parseAddr('127.0.0.1') }, parseAddr(lab.stage.node.ip), udp(1, 53, marker), {
        ethernet: { destination: mac },
      }),
      podFrame({ ...party, ip: parseAddr(lab.stage.node.ip) }, parseAddr(lab.stage.node.ip), udp(1, 53, marker), {
        ethernet: { destination: mac },
      }),
    ];
    await sendFrames(lab.stage.worldNetns, frames, { device: 'mbrup1', count: COUNT });
    await lab.stage.settle(50);
    expect((await counter.stop()).matches).toEqual({ marker: 0 });
  });

  it('do not get back through the ports of masquerading', async () => {
    const { frontend } = await tenantScene(lab.stage, 'tenant-a');
    const marker = newMarker();
    const counter = await startCount(frontend.netns, { devices: ['eth0'], patterns: { marker } });
    const mac = await nodeMac();
    const ports = Array.from({ length: 200 }, (_, i) => 61_000 + i * 22);
    const frames = ports.map((port) =>
      podFrame(
        { ip: OUTSIDER, mac: parseMac('02:00:00:00:00:02') },
        parseAddr(lab.stage.node.ip),
        udp(53, port, marker),
        {
          ethernet: { destination: mac },
        },
      ),
    );
    await sendFrames(lab.stage.worldNetns, frames, { device: 'mbrup1' });
    await lab.stage.settle(50);
    expect((await counter.stop()).matches).toEqual({ marker: 0 });
  });
});
