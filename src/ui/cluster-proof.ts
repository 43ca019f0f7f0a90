import { stringify } from 'yaml';
import { z } from 'zod';
import type { Caller, ClusterFlows, ClusterProof } from '../api/server.ts';
import type { Turns } from '../base/index.ts';
import type { MatrixCell, MatrixView, ReachView, RemedyView } from './messages.ts';
import { matrixOf, type ToldProof } from './proof-matrix.ts';
import { type RemedyRequest, stepOf } from './remedy.ts';

const MOST_REACHED = 100;

const standingSchema = z.enum(['isolated', 'shared', 'together', 'empty', 'broken', 'untold']);
const verdictSchema = z.enum(['allowed', 'denied']);

/**
 * What is proved of a cluster, and what would let a packet pass, for one who looks: nodes judge what of it is his. Each question goes to
 * all nodes, so that some are asked at a time.
 */
export class ClusterProofs {
  readonly #flows: Pick<ClusterFlows, 'proof' | 'remedy'>;
  readonly #caller: Caller;
  readonly #turns: Turns;

  constructor(flows: Pick<ClusterFlows, 'proof' | 'remedy'>, caller: Caller, turns: Turns) {
    this.#flows = flows;
    this.#caller = caller;
    this.#turns = turns;
  }

  /** E_UI_FULL, E_HUBBLE_FORBIDDEN. */
  async look(): Promise<MatrixView> {
    return matrixOf((await this.#ask(async () => await this.#flows.proof(this.#caller))).map(toldOf));
  }

  /** E_UI_FULL, E_HUBBLE_FORBIDDEN. */
  async ask(from: string, to: string): Promise<ReachView> {
    const told = await this.#ask(async () => await this.#flows.proof(this.#caller, { from, to }));
    const reached = told.flatMap(({ node, reach }) =>
      (reach?.reached ?? []).map(({ packet, from: opener, to: responder, packets, why }) => ({
        node,
        from: opener,
        to: responder,
        packets,
        why: [...why],
        ...(packet === '' ? {} : { packet }),
      })),
    );
    const listed = reached.slice(0, MOST_REACHED);
    const unlisted = told.reduce((sum, { reach }) => sum + (reach?.more ?? 0), 0);
    return {
      from,
      to,
      reached: listed,
      more: unlisted + reached.length - listed.length,
      pairs: told.reduce((sum, { reach }) => sum + (reach?.pairs ?? 0), 0),
      silent: told.filter(({ silent }) => silent !== '').map(({ node, silent }) => `${node}: ${silent}`),
    };
  }

  /** E_UI_FULL, E_HUBBLE_FORBIDDEN, E_HUBBLE_UNSAID. */
  async remedy(request: RemedyRequest): Promise<RemedyView> {
    const { node, from, to, protocol, port } = request;
    const asked = { node, from, to, protocol, port: typeof port === 'string' ? undefined : port };
    const { verdict, steps, noChange, change } = await this.#ask(
      async () => await this.#flows.remedy(this.#caller, asked),
    );
    const told = {
      verdict: verdictSchema.parse(verdict),
      steps: steps.map(stepOf),
      ...(noChange === '' ? {} : { noChange }),
    };
    if (change === undefined) return told;
    const { policies, after, opens, closes, more, isWhole } = change;
    const manifest = policies.map((policy) => `---\n${stringify(JSON.parse(policy))}`).join('');
    return {
      ...told,
      change: {
        manifest,
        after: after.map(stepOf),
        opens: opens.map(changed),
        closes: closes.map(changed),
        more,
        ...(isWhole ? {} : { isPartial: true }),
      },
    };
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    return await this.#turns.take(this.#caller.seesAll ? '' : this.#caller.subject.name, work);
  }
}

type Changed = NonNullable<RemedyView['change']>['opens'][number];
const changed = ({ from, to, packets }: Changed): Changed => ({ from, to, packets: [...packets] });

function toldOf({ node, silent, isWhole, at, tookMs, good, tenants, pairs, differences }: ClusterProof): ToldProof {
  return {
    node,
    good,
    tenants,
    ...(silent === '' ? {} : { silent }),
    ...(isWhole && silent === '' ? { at, tookMs } : {}),
    cells: pairs.map(
      ({ from, to, standing, shares, example }): MatrixCell => ({
        from,
        to,
        standing: standingSchema.parse(standing),
        shares,
        ...(example === undefined
          ? {}
          : { example: { from: example.from, to: example.to, packets: example.packets, why: [...example.why] } }),
      }),
    ),
    alarms: differences.map(({ effect, from, to, packets, rows, meant, packet }) => ({
      effect,
      from,
      to,
      packets,
      rows: [...rows],
      meant: [...meant],
      ...(packet === '' ? {} : { packet }),
    })),
  };
}
