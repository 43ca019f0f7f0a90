import type { Clock, Lifecycle, Logger, Service } from '../base/index.ts';
import type { AgentList } from './agent-links.ts';
import type { Door } from './door.ts';
import { FlowFeed } from './flow-feed.ts';
import { InventoryWatch } from './inventory.ts';
import { Matrix } from './matrix.ts';
import { tellPast } from './past-flows.ts';
import type { Reading } from './reading.ts';
import { Remedy } from './remedy.ts';

export type OpenDoorOptions = {
  readonly agents: AgentList;
  readonly log: Logger;
  /** By which what is proved grows old. Default: the machine's. */
  readonly clock?: Clock | undefined;
};

/** Of a sandbox, on loopback: everybody on the machine sees everything, and whatever is read is read once for all. */
export class OpenDoor implements Door, Service {
  readonly login = undefined;
  readonly #feed: FlowFeed;
  readonly #inventory: InventoryWatch;
  readonly #reading: Reading;

  constructor({ agents, log, clock }: OpenDoorOptions) {
    const feed = new FlowFeed({ agents, log });
    const inventory = new InventoryWatch(agents);
    const remedy = new Remedy(agents);
    this.#feed = feed;
    this.#inventory = inventory;
    this.#reading = {
      who: '',
      inventory,
      matrix: new Matrix(agents, clock),
      remedy: async (request) => await remedy.ask(request),
      live: (listener) => feed.listen(listener),
      past: async (range, listener) => await tellPast(agents.all, range, listener),
    };
  }

  async start(lifecycle: Pick<Lifecycle, 'spawn'>): Promise<void> {
    this.#inventory.start(lifecycle);
  }

  async stop(): Promise<void> {
    this.#feed.stop();
  }

  async enter(): Promise<Reading> {
    return this.#reading;
  }
}
