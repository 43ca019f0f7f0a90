import type { VerifyView } from '../api/index.ts';
import { packetText } from '../api/server.ts';
import { type Clock, errorMessage, systemClock, Turns } from '../base/index.ts';
import type { AgentList } from './agent-links.ts';
import { uiErrors } from './errors.ts';
import type { MatrixCell, MatrixView, ReachView } from './messages.ts';
import { matrixOf, type ToldProof } from './proof-matrix.ts';

/** A proof costs a node milliseconds to seconds: whoever asks within that time is told the same. */
const KEEP_MS = 5_000;
const ASKED_AT_ONCE = 2;
/** Of what is reached from one tenant to another. */
const MOST_REACHED = 100;

/** Which tenants are apart, as `membrane verify` proves it on every node. */
export class Matrix {
  readonly #agents: AgentList;
  readonly #clock: Clock;
  #known: { readonly at: number; readonly view: Promise<MatrixView> } | undefined;
  readonly #turns = new Turns({ most: ASKED_AT_ONCE, full: (detail) => uiErrors.make('E_UI_FULL', { detail }) });

  constructor(agents: AgentList, clock: Clock = systemClock) {
    this.#agents = agents;
    this.#clock = clock;
  }

  async look(): Promise<MatrixView> {
    const now = this.#clock.elapsed();
    if (this.#known === undefined || now - this.#known.at >= KEEP_MS) this.#known = { at: now, view: this.#look() };
    return await this.#known.view;
  }

  /** What opens from the one tenant to the other, with the packet that was sent to try it. E_UI_FULL. */
  async ask(from: string, to: string): Promise<ReachView> {
    return await this.#turns.take('', async () => {
      const told = await this.#each(
        async ({ client }) => await client.verify({ from: `tenant:${from}`, to: `tenant:${to}` }),
      );
      const reached = told.flatMap(({ node, view }) =>
        (view?.asked?.reached ?? []).map(({ from: opener, to: responder, packets, why, packet }) => ({
          node,
          from: opener,
          to: responder,
          packets,
          why,
          ...(packet === undefined ? {} : { packet: packetText(packet) }),
        })),
      );
      const more = told.reduce((sum, { view }) => sum + (view?.asked?.more ?? 0), 0);
      const pairs = told.reduce((sum, { view }) => sum + (view?.asked?.pairs ?? 0), 0);
      const silent = told.flatMap(({ node, silent: why }) => (why === undefined ? [] : [`${node}: ${why}`]));
      const listed = reached.slice(0, MOST_REACHED);
      return { from, to, reached: listed, more: more + reached.length - listed.length, pairs, silent };
    });
  }

  async #look(): Promise<MatrixView> {
    const told = await this.#each(async ({ client }) => await client.verify({}));
    return matrixOf(
      told.map(({ node, view, silent }) => ({
        node,
        silent,
        at: view?.at,
        tookMs: view?.tookMs,
        good: view?.good === true,
        tenants: [...new Set((view?.pairs ?? []).flatMap(({ from, to }) => [from, to]))],
        cells: (view?.pairs ?? []).map(cellOf),
        alarms: alarmsOf(view),
      })),
    );
  }

  async #each(ask: (link: AgentList['all'][number]) => Promise<VerifyView>) {
    return await Promise.all(
      this.#agents.all.map(async (link) => {
        try {
          return { node: link.node, view: await ask(link), silent: undefined };
        } catch (error) {
          return { node: link.node, view: undefined, silent: errorMessage(error) };
        }
      }),
    );
  }
}

function cellOf({ from, to, standing, shares, example }: VerifyView['pairs'][number]): MatrixCell {
  const shown = example === undefined ? {} : { example: { ...example, why: [...example.why] } };
  return { from, to, standing, shares, ...shown };
}

function alarmsOf(view: VerifyView | undefined): ToldProof['alarms'] {
  return (view?.differences ?? []).map(
    ({ effect, from = '', to = '', packets = 'all packets', rows, meant, packet }) => ({
      effect,
      from,
      to,
      packets,
      rows: [...rows],
      meant: [...meant],
      ...(packet === undefined ? {} : { packet: packetText(packet) }),
    }),
  );
}
