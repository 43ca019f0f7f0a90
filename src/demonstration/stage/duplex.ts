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
    const tcpSource = randomInt(20_000, 30_000);
    const udpSource = randomInt(20_000, 30_000);
    const ports = (a: number, b: number) => Uint8Array.of(a >> 8, a, b >> 8, b);
    const atServer = stage.own(
      await startCount(to.netns, {
        devices: ['eth0'],
        patterns: { udp: markers.forward, tcp: ports(tcpSource, TCP_PORT) },
      }),
    );
    const atClient = stage.own(
      await startCount(from.netns, {
        devices: ['eth0'],
        patterns: { udp: markers.reply, tcp: ports(TCP_PORT, tcpSource) },
      }),
    );
    const server = stage.own(await startServe(to.netns, { port: TCP_PORT, push: true, rate: TCP_RATE }));
    const client = stage.own(
      startConnect(from.netns, { to: to.ip, port: TCP_PORT, sourcePort: tcpSource, rate: TCP_RATE }),
    );
    const flow = { count: 0, rate: UDP_RATE };
    const forward = podFrame(from, to.ip, udp(udpSource, UDP_PORT, markers.forward));
    const reply = podFrame(to, from.ip, udp(UDP_PORT, udpSource, markers.reply));
    const asking = stage.own(startSend(from.netns, [forward], flow));
    const duplex = (senders: readonly Sender[]) => new Duplex({ atClient, atServer, server, client, senders });
    // An answer before the question would be a question of its own.
    await stage.until('the server is asked', async () =>
      (await atServer.report()).matches['udp'] === 0 ? undefined : true,
    );
    const opened = duplex([asking, stage.own(startSend(to.netns, [reply], flow))]);
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
