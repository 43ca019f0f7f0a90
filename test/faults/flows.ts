import { setTimeout as sleep } from 'node:timers/promises';
import { newMarker, podFrame, udp } from '../../src/demonstration/frames/frames.ts';
import { type Counter, type Sender, startCount, startSend } from '../../src/demonstration/tools/frame-tool.ts';
import { macOfAddr, parseAddr } from '../../src/net/index.ts';
import type { SandboxCluster } from '../../src/sandbox/cluster/cluster.ts';

export const NAMESPACE = 'faults';
const PORT = 7000;
const RATE = 200;
const SETTLE_MS = 1_000;

type Flow = { readonly name: string; readonly allowed: boolean; readonly pattern: string; readonly sender: Sender };
type End = { readonly flows: readonly Flow[]; readonly counter: Counter };

export type Verdict = {
  readonly name: string;
  readonly allowed: boolean;
  readonly sent: number;
  readonly arrived: number;
  /** Frames that the counter could not hold: then the rest says nothing. */
  readonly unseen: number;
};

/** An allowed and a forbidden flow from each node to each: datagrams, counted where they arrive. */
export class Flows {
  readonly #ends: readonly End[];

  private constructor(ends: readonly End[]) {
    this.#ends = ends;
  }

  /** Pods `client-N`, `stranger-N` and `server-N` of each node are there. */
  static async start(cluster: SandboxCluster, seconds: number): Promise<Flows> {
    const numbers = cluster.nodes.map(({ index }) => index);
    const place = async (name: string) => {
      const pod = await cluster.get({ resource: 'pods', namespace: NAMESPACE, name });
      const { podIP = '' } = (pod?.['status'] ?? {}) as { podIP?: string };
      const ip = parseAddr(podIP);
      return { ip, mac: macOfAddr(ip), netns: (await cluster.netnsOf(NAMESPACE, name)) ?? '' };
    };
    const ends = numbers.map(async (to): Promise<End> => {
      const server = await place(`server-${to}`);
      const flows = numbers.flatMap((from) =>
        ['client', 'stranger'].map((role) => ({
          name: `${role}-${from} to server-${to}`,
          from: `${role}-${from}`,
          marker: newMarker(),
        })),
      );
      const patterns = Object.fromEntries(flows.map(({ marker }, index) => [`flow-${index}`, marker]));
      const counter = await startCount(server.netns, { devices: ['eth0'], patterns, seconds });
      const senders = flows.map(async ({ name, from, marker }, index): Promise<Flow> => {
        const source = await place(from);
        const frame = podFrame(source, server.ip, udp(40_000 + index, PORT, marker));
        const sender = startSend(source.netns, [frame], { count: 0, rate: RATE, seconds });
        return { name, allowed: from.startsWith('client'), pattern: `flow-${index}`, sender };
      });
      return { flows: await Promise.all(senders), counter };
    });
    return new Flows(await Promise.all(ends));
  }

  /** Ends them, and says what became of each. */
  async stop(): Promise<Verdict[]> {
    const verdicts = this.#ends.map(async ({ flows, counter }) => {
      const sent = await Promise.all(flows.map(({ sender }) => sender.stop()));
      await sleep(SETTLE_MS);
      const { matches, lost } = await counter.stop();
      return flows.map(({ name, allowed, pattern }, index) => ({
        name,
        allowed,
        sent: sent[index]?.sent ?? 0,
        arrived: matches[pattern] ?? 0,
        unseen: lost,
      }));
    });
    return (await Promise.all(verdicts)).flat();
  }
}
