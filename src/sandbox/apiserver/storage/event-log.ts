import { goneTooOld, tooLargeResourceVersion } from '../status.ts';
import type { StoredEvent } from './stored.ts';

/** The latest changes of one resource, for watchers that come back; older ones are compacted away. */
export class EventLog {
  readonly #limit: number;
  #events: StoredEvent[] = [];
  /** Changes up to and including this revision cannot be replayed any more. */
  #compacted: number;

  constructor(limit: number, compacted: number) {
    this.#limit = limit;
    this.#compacted = compacted;
  }

  append(event: StoredEvent): void {
    this.#events.push(event);
    // Trimmed by halves: shifting one by one would cost the length of the log for every change.
    if (this.#events.length > this.#limit * 2) this.#dropOldest(this.#events.length - this.#limit);
  }

  /** Forgets all changes up to `revision`. */
  compact(revision: number): void {
    this.#dropOldest(this.#firstAfter(revision));
    this.#compacted = Math.max(this.#compacted, revision);
  }

  /** The changes after `revision`, oldest first; 410 when some of them are gone. */
  since(revision: number, current: number): readonly StoredEvent[] {
    if (revision > current) throw tooLargeResourceVersion(revision, current);
    if (revision < this.#compacted) throw goneTooOld(revision, this.#compacted);
    return this.#events.slice(this.#firstAfter(revision));
  }

  #dropOldest(count: number): void {
    const last = this.#events[count - 1];
    if (last === undefined) return;
    this.#compacted = last.revision;
    this.#events = this.#events.slice(count);
  }

  #firstAfter(revision: number): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
