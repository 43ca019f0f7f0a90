import type { Flow } from '../model/index.ts';
import type { AgentLink } from './agent-links.ts';
import type { FlowListener, PastRange } from './reading.ts';

/** Of more than so many within the asked time the newest are told. */
const MOST = 50_000;

/** Tells what agents keep of a time, in its order. Gives whether there is more. */
export async function tellPast(
  agents: readonly AgentLink[],
  { since, until, signal }: PastRange,
  listener: FlowListener,
): Promise<boolean> {
  const last = Math.ceil(MOST / Math.max(1, agents.length));
  let more = false;
  const all = await Promise.all(
    agents.map(async ({ client }) => {
      const flows: Flow[] = [];
      // A node that does not answer is told of by the inventory.
      try {
        for await (const message of client.observe({ since, until, last, follow: false }, signal)) {
          if (message.kind === 'lost') listener.lost(message.place, message.count);
          else flows.push(message.flow);
        }
      } catch {
        return flows;
      }
      more ||= flows.length >= last;
      return flows;
    }),
  );
  for (const flow of all.flat().sort((a, b) => a.time - b.time)) listener.flow(flow);
  return more;
}
