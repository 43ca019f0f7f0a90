import type { Caller, ClusterFlows } from '../api/server.ts';
import { isMembraneError, type Turns } from '../base/index.ts';
import type { FlowMessage } from '../model/index.ts';
import { ClusterInventory } from './cluster-inventory.ts';
import { ClusterProofs } from './cluster-proof.ts';
import { uiErrors } from './errors.ts';
import type { FlowListener, PastRange, Reading } from './reading.ts';

/** What all nodes are asked. */
export type FlowsOfNodes = Omit<ClusterFlows, 'namespaces'>;

/** Of what is stored, to begin with. */
const RECENT = 4_096;
/** Of more than so many within a time of the past the newest are told. */
const MOST = 50_000;

/** A cluster for one page. Nodes judge what he may see, and end the stream when that changes. */
export class ClusterReading implements Reading {
  readonly who: string;
  readonly inventory: ClusterInventory;
  readonly matrix: ClusterProofs;
  readonly remedy: Reading['remedy'];
  readonly #flows: FlowsOfNodes;
  readonly #caller: Caller;

  constructor(flows: FlowsOfNodes, caller: Caller, turns: Turns) {
    this.#flows = flows;
    this.#caller = caller;
    this.who = caller.seesAll ? '' : caller.subject.name;
    this.inventory = new ClusterInventory(flows, caller);
    const proofs = new ClusterProofs(flows, caller, turns);
    this.matrix = proofs;
    this.remedy = async (request) => await proofs.remedy(request);
  }

  live(listener: FlowListener): () => void {
    const ending = new AbortController();
    void this.#follow(listener, ending.signal);
    return () => ending.abort();
  }

  async past({ since, until, signal }: PastRange, listener: FlowListener): Promise<boolean> {
    let count = 0;
    for await (const message of this.#flows.flows(this.#caller, { since, until, last: MOST }, signal)) {
      if (message.kind === 'flow') count += 1;
      tell(message, listener);
    }
    return count >= MOST;
  }

  async #follow(listener: FlowListener, signal: AbortSignal): Promise<void> {
    try {
      await this.#tellLive(listener, signal);
      if (!signal.aborted) listener.ended(uiErrors.make('E_UI_NODES', { detail: 'their streams have ended' }));
    } catch (error) {
      if (!signal.aborted) listener.ended(error);
    }
  }

  async #tellLive(listener: FlowListener, signal: AbortSignal): Promise<void> {
    let isFirst = true;
    try {
      for await (const message of this.#flows.flows(this.#caller, { last: RECENT, follow: true }, signal)) {
        isFirst = false;
        tell(message, listener);
      }
    } catch (error) {
      // Who may not see what is stored may still see what comes.
      if (!isFirst || !isMembraneError(error, 'E_HUBBLE_FORBIDDEN')) throw error;
      for await (const message of this.#flows.flows(this.#caller, { follow: true }, signal)) tell(message, listener);
    }
  }
}

function tell(message: FlowMessage, listener: FlowListener): void {
  if (message.kind === 'lost') listener.lost(message.place, message.count);
  else listener.flow(message.flow);
}
