import { Backoff, errorMessage, type Logger, systemClock } from '../base/index.ts';
import { FLOW_LOSS_PLACES, type Flow, type FlowLossPlace } from '../model/index.ts';
import type { AgentLink, AgentList } from './agent-links.ts';
import type { Losses } from './messages.ts';
import type { FlowListener } from './reading.ts';

/** What is kept for who comes next, and asked of the agents to begin with. */
const RECENT = 16_384;
/** The last page may come again: it was loaded anew. */
const LINGER_MS = 10_000;

/**
 * The flows of all agents, for however many look at them: each agent is asked once, and only while somebody looks. Whoever
 * comes is given what came lately, in the order in which it came.
 */
export class FlowFeed {
  readonly #agents: AgentList;
  readonly #log: Logger;
  readonly #listeners = new Set<FlowListener>();
  readonly #reading = new Map<AgentLink, AbortController>();
  #recent: Flow[] = [];
  #lost: Record<FlowLossPlace, number> = noLoss();
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor({ agents, log }: { readonly agents: AgentList; readonly log: Logger }) {
    this.#agents = agents;
    this.#log = log;
  }

  /** Returns what ends it. */
  listen(listener: FlowListener): () => void {
    clearTimeout(this.#linger);
    for (const flow of this.#recent.slice(-RECENT)) listener.flow(flow);
    for (const place of FLOW_LOSS_PLACES) if (this.#lost[place] > 0) listener.lost(place, this.#lost[place]);
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#begin();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#linger);
      this.#linger = setTimeout(() => this.stop(), LINGER_MS);
      this.#linger.unref();
    };
  }

  stop(): void {
    clearTimeout(this.#linger);
    this.#agents.changed.unlisten(this.#join);
    for (const reading of this.#reading.values()) reading.abort();
    this.#reading.clear();
    this.#recent = [];
    this.#lost = noLoss();
  }

  #begin(): void {
    this.#agents.changed.unlisten(this.#join);
    this.#agents.changed.listen(this.#join);
    this.#join();
  }

  readonly #join = (): void => {
    const now = new Set(this.#agents.all);
    for (const [link, reading] of this.#reading) {
      if (now.has(link)) continue;
      reading.abort();
      this.#reading.delete(link);
    }
    for (const link of now) {
      if (this.#reading.has(link)) continue;
      const reading = new AbortController();
      this.#reading.set(link, reading);
      void this.#follow(link, reading.signal, Math.floor(RECENT / now.size));
    }
  };

  async #follow({ node, client }: AgentLink, signal: AbortSignal, last: number): Promise<void> {
    const backoff = new Backoff({ initial: 200, max: 5_000 });
    let latest: number | undefined;
    while (!signal.aborted) {
      // An agent that starts again has what it kept, and is asked for what came since.
      const from = latest;
      const request = from === undefined ? { last } : { since: from };
      try {
        for await (const message of client.observe({ ...request, follow: true }, signal)) {
          if (signal.aborted) return;
          backoff.reset();
          if (message.kind === 'lost') this.#tellLoss(message.place, message.count);
          else if (from === undefined || message.flow.time > from) {
            // What the API's schema says is what the words say.
            const flow = message.flow as Flow;
            latest = Math.max(latest ?? 0, flow.time);
            this.#tell(flow);
          }
        }
      } catch (error) {
        if (!signal.aborted) this.#log.warn({ node, error: errorMessage(error) }, 'flows of a node cannot be read');
      }
      await systemClock.sleep(backoff.next(), signal).catch(() => undefined);
    }
  }

  #tell(flow: Flow): void {
    this.#recent.push(flow);
    if (this.#recent.length >= 2 * RECENT) this.#recent = this.#recent.slice(-RECENT);
    for (const listener of this.#listeners) listener.flow(flow);
  }

  #tellLoss(place: FlowLossPlace, count: number): void {
    this.#lost[place] += count;
    for (const listener of this.#listeners) listener.lost(place, count);
  }
}

export function noLoss(): Record<FlowLossPlace, number> & Losses {
  return { kernel: 0, store: 0, reader: 0 };
}
