import { randomInt } from 'node:crypto';
import { newMarker, podFrame, udp } from '../frames/index.ts';
import {
  type Client,
  type Counter,
  type Sender,
  type Server,
  startConnect,
  startCount,
  startSend,
  startServe,
} from '../tools/index.ts';
import type { Actor, Stage } from './stage.ts';

const TCP_PORT = 8080;
const UDP_PORT = 5353;
/** Of the pod that is asked. */
export const DUPLEX_PORTS = { tcp: TCP_PORT, udp: UDP_PORT } as const;
/** Packets a second and direction. */
const UDP_RATE = 1_000;
const TCP_RATE = 200;

/** Packets that arrived so far, at the end that they were meant for. */
export type Arrived = {
  readonly udpForward: number;
  readonly udpReply: number;
  readonly tcpForward: number;
  readonly tcpReply: number;
};

/** A TCP connection and a UDP flow between two pods, busy in both directions and counted where they arrive. */
export class Duplex {
  readonly #atClient: Counter;
  readonly #atServer: Counter;
  readonly #senders: readonly Sender[];
  readonly server: Server;
  readonly client: Client;

  private constructor(options: {
    atClient: Counter;
    atServer: Counter;
    senders: readonly Sender[];
    server: Server;
    client: Client;
  }) {
    this.#atClient = options.atClient;
    this.#atServer = options.atServer;
    this.#senders = options.senders;
    this.server = options.server;
    this.client = options.client;
  }

  static async open(stage: Stage, from: Actor, to: Actor): Promise<Duplex> {
    const markers = { forward: newMarker(), reply: newMarker() };
    // What comes before either node has heard of the pod of the other is no loss of a flow.
    const first = { forward: newMarker(), reply: newMarker() };
    const tcpSource = randomInt(20_000, 30_000);
    const udpSource = randomInt(20_000, 30_000);
    const ports = (a: number, b: number) => Uint8Array.of(a >> 8, a, b >> 8, b);
    const atServer = stage.own(
      await startCount(to.netns, {
        devices: ['eth0'],
        patterns: { udp: markers.forward, tcp: ports(tcpSource, TCP_PORT), first: first.forward },
      }),
    );
    const atClient = stage.own(
      await startCount(from.netns, {
        devices: ['eth0'],
        patterns: { udp: markers.reply, tcp: ports(TCP_PORT, tcpSource), first: first.reply },
      }),
    );
    const server = stage.own(await startServe(to.netns, { port: TCP_PORT, push: true, rate: TCP_RATE }));
    const flow = { count: 0, rate: UDP_RATE };
    const forward = (marker: Uint8Array) => podFrame(from, to.ip, udp(udpSource, UDP_PORT, marker));
    const reply = (marker: Uint8Array) => podFrame(to, from.ip, udp(UDP_PORT, udpSource, marker));
    const opens = async (what: string, by: Actor, frame: Uint8Array, counter: Counter): Promise<void> => {
      const sender = stage.own(startSend(by.netns, [frame], flow));
      await stage.until(what, async () => ((await counter.report()).matches['first'] === 0 ? undefined : true));
      await sender.stop();
    };
    // An answer before the question would be a question of its own.
    await opens('the server is asked', from, forward(first.forward), atServer);
    await opens('the client is answered', to, reply(first.reply), atClient);
    // Only now: what is lost before is sent again after a second, and that is all that it has to open.
    const client = stage.own(
      startConnect(from.netns, { to: to.ip, port: TCP_PORT, sourcePort: tcpSource, rate: TCP_RATE }),
    );
    const senders = [
      stage.own(startSend(from.netns, [forward(markers.forward)], flow)),
      stage.own(startSend(to.netns, [reply(markers.reply)], flow)),
    ];
    const opened = new Duplex({ atClient, atServer, server, client, senders });
    await stage.until('the connection is busy', async () => {
      const { udpForward, udpReply, tcpForward, tcpReply } = await opened.arrived();
      return Math.min(udpForward, udpReply, tcpForward, tcpReply) > 10 ? true : undefined;
    });
    return opened;
  }

  async arrived(): Promise<Arrived> {
    const [atServer, atClient] = await Promise.all([this.#atServer.report(), this.#atClient.report()]);
    return {
      udpForward: atServer.matches['udp'] ?? 0,
      tcpForward: atServer.matches['tcp'] ?? 0,
      udpReply: atClient.matches['udp'] ?? 0,
      tcpReply: atClient.matches['tcp'] ?? 0,
    };
  }

  /** Frames that either end tried to send so far. */
  async sent(): Promise<number> {
    const reports = await Promise.all(this.#senders.map((sender) => sender.report()));
    return reports.reduce((sum, report) => sum + report.sent, 0);
  }

  /** Ends the datagrams; gives how many there were, of both ends. */
  async endUdp(): Promise<number> {
    const reports = await Promise.all(this.#senders.map((sender) => sender.stop()));
    return reports.reduce((sum, report) => sum + report.sent, 0);
  }

  async close(): Promise<void> {
    const all = [...this.#senders, this.client, this.server, this.#atClient, this.#atServer];
    await Promise.all(all.map((process) => process.stop().catch(() => undefined)));
  }
}
