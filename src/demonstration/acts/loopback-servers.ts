import { plural, type Stage } from '../stage/index.ts';
import { ANSWERED_MS, type Answerer, ask, BOTH, type Seat, startAnswer, type Told } from '../tools/index.ts';

const AT = '127.0.0.1';

export type LoopbackCheck = {
  /** Connections and datagrams of others than the local process, since the last check. */
  readonly strangers: number;
  readonly answersLocal: boolean;
  readonly text: string;
};

/** Servers of the node, bound to its 127.0.0.1: what the attacks are after. */
export class LoopbackServers {
  readonly #servers: readonly Answerer[];
  readonly #local: Seat;
  readonly #port: number;
  #expected = 0;

  private constructor(servers: readonly Answerer[], local: Seat, port: number) {
    this.#servers = servers;
    this.#local = local;
    this.#port = port;
  }

  /** `port` is the one that a local process goes on asking. */
  static async open(
    stage: Stage,
    ports: { readonly nodePort: number; readonly plain: number },
  ): Promise<LoopbackServers> {
    const local = await stage.onNode();
    const servers: Answerer[] = [];
    for (const port of Object.values(ports)) {
      servers.push(stage.own(await startAnswer(local, { at: AT, port, text: `local ${port}` })));
    }
    return new LoopbackServers(servers, local, ports.plain);
  }

  /** A process of the node asks on a port, TCP and UDP. */
  async askLocally(port: number): Promise<Told[]> {
    const told = await Promise.all(
      BOTH.map((protocol) => ask(this.#local, { to: AT, port, protocol, timeoutMs: ANSWERED_MS })),
    );
    this.#expected += told.filter(({ text }) => text.startsWith('local ')).length;
    return told;
  }

  /** Nothing else may have come, and the servers must be there: else nothing was shown. */
  async check(): Promise<LoopbackCheck> {
    const told = await this.askLocally(this.#port);
    const answersLocal = told.every(({ text }) => text.startsWith(`local ${this.#port} ${AT}:`));
    const reports = await Promise.all(this.#servers.map((server) => server.report()));
    const total = reports.reduce((sum, { connections, datagrams }) => sum + connections + datagrams, 0);
    const strangers = total - this.#expected;
    this.#expected = total;
    const local = answersLocal ? 'answered over TCP and UDP' : told.map(({ state }) => state).join(', ');
    return {
      strangers,
      answersLocal,
      text: `at the servers: ${plural(strangers, 'packet')}; a local process: ${local}`,
    };
  }
}
