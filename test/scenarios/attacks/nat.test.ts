import { beforeAll, describe, expect, it } from 'vitest';
import { newMarker, podFrame, syn } from '../../../src/demonstration/frames/frames.ts';
import type { Actor } from '../../../src/demonstration/stage/stage.ts';
import {
  type Client,
  type ConnectionReport,
  startConnect,
  startSend,
  startServe,
} from '../../../src/demonstration/tools/frame-tool.ts';
import { parseAddr } from '../../../src/net/index.ts';
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

/** A server outside, and connections of the victim to it on which little is said. */
async function server() {
  const serving = lab.stage.own(await startServe(lab.stage.worldNetns, { port: PORT }));
  const clients: Client[] = [];
  const open = (): void => {
    const options = { to: SERVER, port: PORT, rate: 1, timeoutMs: 10_000 };
    clients.push(lab.stage.own(startConnect(victim.netns, options)));
  };
  const reports = async () => await Promise.all(clients.map((client) => client.report()));
  /** Waits until the server has taken more on each, or it has ended; what became of them. */
  const goOn = async () => {
    const before = await reports();
    return await lab.stage.until('all connections go on', async () => {
      const now = await reports();
      const isOver = ({ state }: ConnectionReport): boolean => state !== 'open' && state !== 'connecting';
      const moved = now.every((one, i) => isOver(one) || one.acked > (before[i]?.acked ?? 0));
      return moved ? now.map(({ state }) => state) : undefined;
    });
  };
  const stop = async () => {
    await Promise.all([...clients, serving].map((process) => process.stop()));
  };
  return { open, goOn, stop };
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
  it('stay their owner’s while another tenant’s run out', async () => {
    const { open, goOn, stop } = await server();
    // Three hundred short connections a second: ports become free one after the other, and each may go to one of these.
    const churning = lab.stage.own(startSend(attacker.netns, churn(6_000), { rate: 600 }));
    const isDone = churning.finished.then(() => true);
    while (!(await Promise.race([isDone, lab.stage.settle(500)]))) open();
    await lab.stage.until(
      'they are forgotten',
      async () => (await connectionsOf(attacker.ip)) === 0 || undefined,
      40_000,
    );
    expect(new Set(await goOn())).toEqual(new Set(['open']));
    await stop();
  });

  it('are not pushed out by sixteen thousand others', async () => {
    const { open, goOn, stop } = await server();
    for (let i = 0; i < LONG; i += 1) open();
    await goOn();
    const marker = newMarker();
    for (let round = 0; round < 2; round += 1) {
      const frames = Array.from({ length: CONNECTIONS }, (_, i) =>
        podFrame(attacker, parseAddr(`203.0.113.${(i % 10) + 1}`), syn(10_000 + i, 80 + round, marker)),
      );
      await lab.stage.own(startSend(attacker.netns, frames, { rate: RATE })).finished;
    }
    expect(await goOn()).toEqual(Array(LONG).fill('open'));
    await stop();
  });
});

it('the attack of the demonstration holds', async () => {
  expect(broken(await lab.lines('nat'))).toEqual([]);
});
