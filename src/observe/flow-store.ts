import type { Flow, FlowMessage } from '../model/index.ts';
import { FlowShelf, type Kept } from './flow-shelf.ts';

/** Notes of loss, which are no endpoint's. */
const NOTES = -1;

/**
 * The latest flows of each endpoint, in order, with notes where the kernel lost some. When there is no room, whoever has
 * more than an equal share loses the oldest of its own; what goes is counted.
 */
export class FlowStore {
  readonly #capacity: number;
  readonly #shelves = new Map<number, FlowShelf>();
  #size = 0;
  #pushed = 0;
  #overwritten = 0;

  constructor(options: { capacity: number }) {
    this.#capacity = options.capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** Flows that are no longer kept. */
  get overwritten(): number {
    return this.#overwritten;
  }

  push(message: FlowMessage): void {
    const owner = message.kind === 'flow' ? accountOf(message.flow) : NOTES;
    if (this.#size >= this.#capacity) this.#makeRoom(owner);
    const shelf = this.#shelves.get(owner) ?? new FlowShelf();
    this.#shelves.set(owner, shelf);
    this.#pushed += 1;
    shelf.push({ order: this.#pushed, message });
    this.#size += 1;
  }

  /**
   * The newest `count` flows that match, oldest first, with the notes of loss between them. Fewer than asked for, though
   * older ones were overwritten: begins with a note of how many.
   */
  latest(count: number, matches: (flow: Flow) => boolean): FlowMessage[] {
    if (count <= 0) return [];
    const found: FlowMessage[] = [];
    let flows = 0;
    for (const message of this.#newestFirst()) {
      if (flows >= count) break;
      if (message.kind === 'flow') {
        if (!matches(message.flow)) continue;
        flows += 1;
      }
      found.push(message);
    }
    if (flows < count && this.#overwritten > 0) found.push({ kind: 'lost', place: 'store', count: this.#overwritten });
    return found.reverse();
  }

  /** Each shelf is in order: sorting them together costs little. */
  #newestFirst(): FlowMessage[] {
    const all: Kept[] = [];
    for (const shelf of this.#shelves.values()) shelf.copyTo(all);
    return all.sort((a, b) => b.order - a.order).map(({ message }) => message);
  }

  #makeRoom(owner: number): void {
    const own = this.#shelves.get(owner);
    const share = Math.ceil(this.#capacity / (this.#shelves.size + (own === undefined ? 1 : 0)));
    const [from, shelf] = own !== undefined && own.size >= share ? ([owner, own] as const) : this.#largest();
    const gone = shelf?.takeOldest();
    if (gone === undefined) return;
    if (gone.message.kind === 'flow') this.#overwritten += 1;
    this.#size -= 1;
    if (shelf?.size === 0) this.#shelves.delete(from);
  }

  #largest(): readonly [number, FlowShelf | undefined] {
    let largest: readonly [number, FlowShelf | undefined] = [NOTES, undefined];
    for (const [owner, shelf] of this.#shelves) {
      if (shelf.size > (largest[1]?.size ?? 0)) largest = [owner, shelf];
    }
    return largest;
  }
}

/** As in the kernel (bpf/lib/events.h, refusal.h): of who opened, or of the pod that something from outside is for. */
function accountOf({ hook, isReply, source, destination }: Flow): number {
  // Of no pod and not of the node: nobody's, who must not push out what the node's own processes did.
  if (hook === 'socket')
    return source.endpoint === undefined && source.identity === 0 ? 0 : (source.endpoint ?? 0) * 2 + 1;
  const sender = hook === 'from-pod' ? (source.endpoint ?? 0) : 0;
  const receiver = destination.endpoint ?? 0;
  const [opener, other] = isReply ? [receiver, sender] : [sender, receiver];
  return opener === 0 ? other * 2 : opener * 2 + 1;
}
