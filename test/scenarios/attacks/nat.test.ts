import { beforeAll, describe, expect, it } from 'vitest';
import { parseAddr } from '../../../src/net/index.ts';
import { startConnect, startSend, startServe } from '../../../src/sandbox/attacks/frame-tool.ts';
import { newMarker, podFrame, syn } from '../../../src/sandbox/attacks/frames.ts';
import type { Actor } from '../../../src/sandbox/attacks/stage.ts';
import { broken, useSandbox } from './lab.ts';

const SERVER = parseAddr('198.51.100.3');
const PORT = 9443;
const LONG = 30;
const RATE = 20_000;
/** Small, so that a flood is soon one. */
const CONNECTIONS = 8192;

const lab = useSandbox({ agentConfig: { maps: { conntrack: CONNECTIONS, snat: CONNECTIONS }, expectedPods: 16 } });

/** Of two tenants, without policies: nothing but the node stands between them. */
let attacker: Actor;
let victim: Actor;

beforeAll(async () => {
  const pod = async (namespace: string): Promise<Actor> => {
    await lab.stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    return await lab.stage.startPod({ namespace, name: 'pod', labels: { app: 'any' } });
  };
  [attacker, victim] = await Promise.all([pod('thief'), pod('guest')]);
});

/** Connections of the victim to a server outside, which answers on each of them. */
async function hold(count: number) {
  const server = lab.stage.own(await startServe(lab.stage.worldNetns, { port: PORT, push: true, rate: 20 }));
  const clients = Array.from({ length: count }, () =>
    lab.stage.own(startConnect(victim.netns, { to: SERVER, port: PORT, rate: 5, timeoutMs: 10_000 })),
  );
  const reports = async () => await Promise.all(clients.map((client) => client.report()));
  /** Waits until each has got more than it had; who is not open any more is no longer waited for. */
  const goOn = async () => {
    const before = await reports();
    return await lab.stage.until('all connections go on', async () => {
      const now = await reports();
      const moved = now.every(
        (one, i) => one.state === 'closed' || one.received > (before[i]?.received ?? 0) || one.state.startsWith('E'),
      );
      return moved ? now.map(({ state }) => state) : undefined;
    });
  };
  await goOn();
  const stop = async () => {
    await Promise.all([...clients, server].map((process) => process.stop()));
  };
  return { goOn, stop };
}

/** SYN and RST, from many ports. */
function churn(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => i + 10_000).flatMap((source) => [
    podFrame(attacker, SERVER, syn(source, PORT, new Uint8Array())),
    podFrame(attacker, SERVER, { kind: 'tcp', sourcePort: source, destinationPort: PORT, flags: ['RST'], sequence: 2 }),
  ]);
}

async function connectionsOf(addr: string): Promise<number> {
  let count = 0;
  for await (const one of lab.stage.api.connections()) if (one.source.addr === addr) count += 1;
  return count;
}

describe('connections to a server outside', () => {
  it('stay their owner’s while another tenant’s come, go and come again', async () => {
    const held = await hold(LONG);
    for (let round = 0; round < 2; round += 1) {
      await lab.stage.own(startSend(attacker.netns, churn(3_000), { rate: RATE })).finished;
      expect(await connectionsOf(attacker.ip)).toBeGreaterThan(500);
      await lab.stage.until(
        'they are forgotten',
        async () => (await connectionsOf(attacker.ip)) === 0 || undefined,
        40_000,
      );
      expect(await held.goOn()).toEqual(Array(LONG).fill('open'));
    }
    await held.stop();
  }, 120_000);

  it('are not pushed out by ten thousand others', async () => {
    const held = await hold(LONG);
    const marker = newMarker();
    for (let round = 0; round < 2; round += 1) {
      const frames = Array.from({ length: CONNECTIONS }, (_, i) =>
        podFrame(attacker, parseAddr(`203.0.113.${(i % 10) + 1}`), syn(10_000 + i, 80 + round, marker)),
      );
      await lab.stage.own(startSend(attacker.netns, frames, { rate: RATE })).finished;
    }
    expect(await held.goOn()).toEqual(Array(LONG).fill('open'));
    await held.stop();
  }, 60_000);
});

it('the attack of the demonstration holds', async () => {
  expect(broken(await lab.lines('nat'))).toEqual([]);
}, 60_000);
