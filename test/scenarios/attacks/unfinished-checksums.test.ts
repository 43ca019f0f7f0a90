import { beforeAll, describe, expect, it } from 'vitest';
import { concat, newMarker, podFrame, udp } from '../../../src/demonstration/frames/frames.ts';
import {
  turningPort,
  type UnfinishedScene,
  unfinishedCases,
} from '../../../src/demonstration/frames/unfinished-frames.ts';
import { judgeCase, podSource, sendCase } from '../../../src/demonstration/stage/frame-trial.ts';
import type { Actor } from '../../../src/demonstration/stage/stage.ts';
import { sendFrames, startConnect, startCount, startServe } from '../../../src/demonstration/tools/frame-tool.ts';
import { parseAddr } from '../../../src/net/index.ts';
import { useSandbox } from './lab.ts';

const OUTSIDER = parseAddr('198.51.100.1');
const PORT = 5353;
const FORBIDDEN_PORT = 25;

/** What a raw socket of a pod may ask of the kernel with PACKET_VNET_HDR, at a card that leaves the work to the kernel. */
describe.each([
  ['masqueraded', true],
  ["under the pod's own address", false],
])('unfinished checksums, %s', (_how, enableMasquerade) => {
  const lab = useSandbox({ agentConfig: { enableMasquerade } });
  let attacker: Actor;
  let scene: UnfinishedScene;

  beforeAll(async () => {
    await lab.cluster.nodeExec('node-1', ['ethtool', '-K', 'eth0', 'tx', 'off']);
    await lab.stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'raw' } });
    attacker = await lab.stage.startPod({ namespace: 'raw', name: 'raw', labels: { app: 'raw' } });
    scene = { attacker, to: OUTSIDER, port: PORT, forbiddenPort: FORBIDDEN_PORT };
  });

  /** How often a pattern is seen outside while `frame` is sent ten times. */
  async function outside(frame: Uint8Array, pattern: Uint8Array, unfinished: string, wanted = 0): Promise<number> {
    const counter = await startCount(lab.stage.worldNetns, { devices: ['mbrup1'], patterns: { pattern } });
    expect(await sendFrames(attacker.netns, [frame], { count: 10, unfinished })).toMatchObject({ sent: 10, failed: 0 });
    await lab.stage.settle();
    await lab.stage.inTheEnd(
      async () => (await counter.report()).matches['pattern'] ?? 0,
      (count) => count >= wanted,
    );
    const { matches, lost } = await counter.stop();
    expect(lost).toBe(0);
    return matches['pattern'] ?? 0;
  }

  it('are written where they belong', async () => {
    const marker = newMarker();
    const frame = podFrame(attacker, OUTSIDER, udp(40_100, PORT, marker));
    expect(await outside(frame, marker, '34:6', 10)).toBe(10);
    // What sockets leave unfinished: a stream of TCP, data and all.
    const server = lab.stage.own(await startServe(lab.stage.worldNetns, { port: 7007 }));
    const client = lab.stage.own(startConnect(attacker.netns, { to: OUTSIDER, port: 7007, rate: 100 }));
    await expect.poll(async () => (await server.report()).received).toBeGreaterThan(0);
    await client.stop();
    await server.stop();
  });

  it('turn no allowed port into another, on a connection that is established', async () => {
    const marker = newMarker();
    const frame = turningPort(scene, marker);
    const honest = podFrame(attacker, OUTSIDER, udp(40_000, PORT, new Uint8Array(4)));
    await sendFrames(attacker.netns, [honest], { count: 3 });
    const forbidden = concat(Uint8Array.of(0, FORBIDDEN_PORT, 0, 8 + marker.length + 2, 0, 0), marker);
    expect(await outside(frame, forbidden, '36:0')).toBe(0);
  });

  it('are written over nothing that was judged', async () => {
    const places = [{ name: 'world', netns: lab.stage.worldNetns, devices: ['mbrup1'] }];
    const wrong: string[] = [];
    for (const one of unfinishedCases(scene)) {
      const outcome = await sendCase(lab.stage, { source: podSource(lab.stage, attacker), one, places });
      const { held, seen } = judgeCase(one, outcome);
      if (!held) wrong.push(`${one.name}: ${seen}`);
    }
    expect(wrong).toEqual([]);
  });
});
