import { stringify } from 'yaml';
import type { WhyRequest } from '../api/index.ts';
import { Turns } from '../base/index.ts';
import type { AgentList } from './agent-links.ts';
import { uiErrors } from './errors.ts';
import type { RemedyView } from './messages.ts';

const ASKED_AT_ONCE = 4;

export type RemedyRequest = WhyRequest & {
  /** That told of the flow: it has one of the ends. */
  readonly node: string;
};

/** What would let a connection pass, as `membrane why` has it. */
export class Remedy {
  readonly #agents: AgentList;
  readonly #turns = new Turns({ most: ASKED_AT_ONCE, full: (detail) => uiErrors.make('E_UI_FULL', { detail }) });

  constructor(agents: AgentList) {
    this.#agents = agents;
  }

  /** E_UI_NODES, E_UI_FULL; or the agent's own error. */
  async ask({ node, ...request }: RemedyRequest): Promise<RemedyView> {
    const link = this.#agents.all.find((one) => one.node === node);
    if (link === undefined) throw uiErrors.make('E_UI_NODES', { detail: `there is no ${JSON.stringify(node)}` });
    return await this.#turns.take('', async () => {
      const { trace, change, noChange } = await link.client.why(request);
      const told = {
        verdict: trace.verdict,
        steps: trace.steps.map(stepOf),
        ...(noChange === undefined ? {} : { noChange }),
      };
      if (change === undefined) return told;
      const { policies, after, opens, closes, more } = change;
      const manifest = policies.map((policy) => `---\n${stringify(policy)}`).join('');
      return { ...told, change: { manifest, after: after.map(stepOf), opens, closes, more } };
    });
  }
}

type Step = RemedyView['steps'][number];
export const stepOf = ({ direction, verdict, reason }: Step): Step => ({ direction, verdict, reason });
