import type { VerifyView } from '../api/index.ts';
import { errorMessage } from '../base/index.ts';
import type { AgentList } from './agent-links.ts';
import { uiErrors } from './errors.ts';
import type { MatrixCell, MatrixView, ReachView } from './messages.ts';

/** A proof costs a node milliseconds to seconds: whoever asks within that time is told the same. */
const KEEP_MS = 5_000;
const ASKED_AT_ONCE = 2;
/** Of what is reached from one tenant to another. */
const MOST_REACHED = 100;

/** From the best that can be said of two tenants to the worst. */
const STANDINGS: readonly MatrixCell['standing'][] = ['empty', 'isolated', 'shared', 'together', 'broken'];

/** Which tenants are apart, as `membrane verify` proves it on every node. */
export class Matrix {
  readonly #agents: AgentList;
  #known: { readonly at: number; readonly view: Promise<MatrixView> } | undefined;
  #asking = 0;

  constructor(agents: AgentList) {
    this.#agents = agents;
  }

  async look(): Promise<MatrixView> {
    const now = performance.now();
    if (this.#known === undefined || now - this.#known.at >= KEEP_MS) this.#known = { at: now, view: this.#look() };
    return await this.#known.view;
  }

  /** What opens from the one tenant to the other, with the packet that was sent to try it. E_UI_FULL. */
  async ask(from: string, to: string): Promise<ReachView> {
    if (this.#asking >= ASKED_AT_ONCE) throw uiErrors.make('E_UI_FULL', { detail: `${ASKED_AT_ONCE} proofs run` });
    this.#asking += 1;
    try {
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
    } finally {
      this.#asking -= 1;
    }
  }

  async #look(): Promise<MatrixView> {
    const told = await this.#each(async ({ client }) => await client.verify({}));
    const cells = new Map<string, MatrixCell>();
    for (const { view } of told) {
      for (const { from, to, standing, shares, example } of view?.pairs ?? []) {
        const key = JSON.stringify([from, to]);
        const known = cells.get(key);
        if (known !== undefined && STANDINGS.indexOf(known.standing) >= STANDINGS.indexOf(standing)) continue;
        const shown = example === undefined ? {} : { example: { ...example, why: [...example.why] } };
        cells.set(key, { from, to, standing, shares, ...shown });
      }
    }
    const names = new Set([...cells.values()].flatMap(({ from, to }) => [from, to]));
    return {
      nodes: told.map(({ node, view, silent }) => ({
        node,
        ...(silent === undefined ? {} : { silent }),
        ...(view === undefined ? {} : { at: view.at, tookMs: view.tookMs, good: view.good }),
      })),
      tenants: [...names].toSorted(),
      cells: [...cells.values()],
      alarms: told.flatMap(({ node, view }) => alarmsOf(node, view)),
    };
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

function alarmsOf(node: string, view: VerifyView | undefined): MatrixView['alarms'] {
  return (view?.differences ?? []).map(
    ({ effect, from = '', to = '', packets = 'all packets', rows, meant, packet }) => ({
      node,
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

type Packet = NonNullable<VerifyView['differences'][number]['packet']>;

/** `shop/web -> bank/db TCP 5432: passes, and passed when it was sent` */
function packetText({ from, to, protocol, port, claimed, sent, detail }: Packet): string {
  const what = [protocol, ...(port === undefined ? [] : [port])].join(' ');
  const tried = sent === undefined ? 'not sent' : `sent: ${sent}`;
  return `${from} → ${to}, ${what}: ${claimed}; ${tried}${detail === undefined ? '' : ` (${detail})`}`;
}
