import { type EndpointWords, OUTSIDE_WORDS, outsideOf } from '../datapath/index.ts';
import { RESERVED_IDS } from '../identity/index.ts';
import { type EndpointId, identityId, type PolicyRevision } from '../model/index.ts';
import type { Addr } from '../net/index.ts';

export type OutsideWordsOptions = {
  readonly words: EndpointWords;
  readonly freshRevision: () => PolicyRevision;
};

const SETTLED = identityId(RESERVED_IDS.host);
/** In a word whose addresses are getting other owners: should the agent die meanwhile, the next one knows. */
const UNSETTLED = identityId(0);

/**
 * The words of what is outside of this node, the node's own addresses among them. A connection is judged anew when the
 * word of its address changes; that is once before an address gets another owner in the kernel's tables and once after, so
 * that neither a crash nor a failed write between the two leaves a verdict about the former owner in force.
 */
export class OutsideWords {
  readonly #o: OutsideWordsOptions;
  readonly #unsettled = new Set<EndpointId>();

  constructor(options: OutsideWordsOptions) {
    this.#o = options;
  }

  /** Words of an earlier life stay, unless something was left half done: returns whether it was. */
  open(): boolean {
    const open = OUTSIDE_WORDS.filter((id) => this.#o.words.get(id)?.identity !== SETTLED);
    this.#store(open, { settled: true });
    return open.length > 0;
  }

  /** To be called before an address, or every address, gets another owner. */
  unsettle(addrs: readonly Addr[] | 'all'): void {
    const ids = addrs === 'all' ? OUTSIDE_WORDS : addrs.map(outsideOf);
    const fresh = new Set(ids).difference(this.#unsettled);
    for (const id of fresh) this.#unsettled.add(id);
    this.#store([...fresh], { settled: false });
  }

  /** The kernel's tables say who has which address. */
  settle(): void {
    const ids = [...this.#unsettled];
    this.#unsettled.clear();
    this.#store(ids, { settled: true });
  }

  #store(ids: readonly EndpointId[], { settled }: { readonly settled: boolean }): void {
    if (ids.length === 0) return;
    const revision = this.#o.freshRevision();
    for (const id of ids) this.#o.words.set(id, { identity: settled ? SETTLED : UNSETTLED, revision });
  }
}
