import { namespacedName } from '../base/index.ts';
import { type Addr, isAddr, parseAddr } from '../net/index.ts';
import type { TableReader } from '../table/index.ts';
import type { AddressBook } from './address-book.ts';
import type { Intent } from './intent.ts';

/**
 * The one EndpointSlice of the Service `default/kubernetes` that API servers keep by themselves, and put right when somebody
 * changes it. Another slice of that Service may be anybody's who may write there.
 */
const KEPT = namespacedName({ namespace: 'default', name: 'kubernetes' });

/** From what API servers say of themselves to the book: where they answer. */
export class ApiServers {
  readonly #slices: Intent['slices'];
  readonly #reader: TableReader;
  readonly #book: Pick<AddressBook, 'setApiServers'>;

  constructor(options: { readonly intent: Pick<Intent, 'slices'>; readonly book: Pick<AddressBook, 'setApiServers'> }) {
    this.#slices = options.intent.slices;
    this.#reader = this.#slices.reader();
    this.#book = options.book;
  }

  follow(): void {
    if (!this.#reader.drain().has(KEPT)) return;
    const endpoints = this.#slices.get(KEPT)?.endpoints ?? [];
    this.#book.setApiServers(endpoints.flatMap(({ address }): Addr[] => (isAddr(address) ? [parseAddr(address)] : [])));
  }
}
