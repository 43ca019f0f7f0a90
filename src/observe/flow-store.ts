import { FlowBlock, type Kept } from './flow-block.ts';
import { type RecordLayout, recordAccount } from './record.ts';

/** Records of a block, unless the store is so small that some accounts would have none. */
const BLOCK = 64;
const LEAST_BLOCKS = 256;
/** Later ones are added to the last. */
const MAX_NOTES = 1_024;

/** So many flows did not come here, about then (ns of the boot clock). */
export type Missing = { readonly time: number; readonly count: number };

export type FlowStoreOptions = {
  /** Records; memory is taken as they come, `layout.size` bytes and a few more for each. */
  readonly capacity: number;
  readonly layout: RecordLayout;
};

/** Blocks of one account, the oldest first. */
type Shelf = { readonly blocks: FlowBlock[]; size: number };

/**
 * The latest records of each account (an endpoint, and what it opens apart from what comes for it), as bytes. When there is
 * no room, whoever has more than an equal share loses the oldest of its own; what goes is counted.
 */
export class FlowStore {
  readonly layout: RecordLayout;
  readonly #perBlock: number;
  readonly #maxBlocks: number;
  readonly #shelves = new Map<number, Shelf>();
  #notes: Missing[] = [];
  #blocks = 0;
  #size = 0;
  #overwritten = 0;
  #newest = 0;

  constructor({ capacity, layout }: FlowStoreOptions) {
    this.layout = layout;
    this.#perBlock = Math.max(1, Math.min(BLOCK, Math.floor(capacity / LEAST_BLOCKS)));
    this.#maxBlocks = Math.max(1, Math.floor(capacity / this.#perBlock));
  }

  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    return this.#maxBlocks * this.#perBlock;
  }

  /** Records that are no longer kept. */
  get overwritten(): number {
    return this.#overwritten;
  }

  /** Where the kernel lost some, oldest first. */
  get missing(): readonly Missing[] {
    return this.#notes;
  }

  /** ns of the boot clock. */
  get oldest(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { blocks } of this.#shelves.values()) oldest = Math.min(oldest, blocks[0]?.oldest ?? oldest);
    return oldest;
  }

  blocks(): FlowBlock[] {
    return [...this.#shelves.values()].flatMap(({ blocks }) => blocks);
  }

  /** A copy of what stands at word `at`. */
  push(words: Uint32Array, view: DataView, at: number): Kept {
    const account = recordAccount(this.layout, view, at * 4);
    let shelf = this.#shelves.get(account);
    if (shelf === undefined) {
      shelf = { blocks: [], size: 0 };
      this.#shelves.set(account, shelf);
    }
    let block = shelf.blocks.at(-1);
    if (block === undefined || block.isFull) {
      block = this.#emptyBlock(shelf);
      shelf.blocks.push(block);
    }
    const index = block.count;
    block.push(words, at);
    shelf.size += 1;
    this.#size += 1;
    this.#newest = Math.max(this.#newest, block.newest);
    return { block, generation: block.generation, index };
  }

  /** `count` more were lost before they came here, just now. */
  note(count: number): void {
    const last = this.#notes.at(-1);
    if (this.#notes.length >= MAX_NOTES || last?.time === this.#newest) {
      this.#notes.pop();
      this.#notes.push({ time: this.#newest, count: count + (last?.count ?? 0) });
    } else this.#notes.push({ time: this.#newest, count });
  }

  #emptyBlock(owner: Shelf): FlowBlock {
    if (this.#blocks < this.#maxBlocks) {
      this.#blocks += 1;
      return new FlowBlock(this.layout, this.#perBlock);
    }
    const share = Math.ceil(this.#maxBlocks / this.#shelves.size);
    const from = owner.blocks.length >= share ? owner : this.#largest(owner);
    const block = from.blocks.shift() ?? new FlowBlock(this.layout, this.#perBlock);
    this.#overwritten += block.count;
    this.#size -= block.count;
    from.size -= block.count;
    block.clear();
    this.#forgetEmpty(owner);
    this.#forgetNotes();
    return block;
  }

  #largest(owner: Shelf): Shelf {
    let largest = owner;
    for (const shelf of this.#shelves.values()) if (shelf.blocks.length > largest.blocks.length) largest = shelf;
    return largest;
  }

  #forgetEmpty(owner: Shelf): void {
    for (const [account, shelf] of this.#shelves)
      if (shelf.blocks.length === 0 && shelf !== owner) this.#shelves.delete(account);
  }

  /** Of a time of which nothing is kept any more nobody asks what was lost. */
  #forgetNotes(): void {
    if (this.#notes.length === 0) return;
    const { oldest } = this;
    const first = this.#notes.findIndex(({ time }) => time >= oldest);
    this.#notes = first === -1 ? [] : this.#notes.slice(first);
  }
}
