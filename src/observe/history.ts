type Version<V> = {
  /** ms since the epoch. */
  readonly since: number;
  readonly value: V;
  /** When it was last found to hold. */
  seen: number;
};

/** What a number or text meant, and when. */
export class History<K, V> {
  readonly #versions = new Map<K, Version<V>[]>();
  readonly #isSame: (a: V, b: V) => boolean;
  readonly #most: number;

  /** `most`: keys; beyond it the longest known go. */
  constructor(options: { readonly isSame: (a: V, b: V) => boolean; readonly most?: number }) {
    this.#isSame = options.isSame;
    this.#most = options.most ?? Number.POSITIVE_INFINITY;
  }

  get size(): number {
    return this.#versions.size;
  }

  keys(): IterableIterator<K> {
    return this.#versions.keys();
  }

  entries(): IterableIterator<readonly [K, readonly { readonly value: V }[]]> {
    return this.#versions.entries();
  }

  /** It means that now. What means nothing now still means what it did, to whoever asks about then. */
  learn(key: K, value: V | undefined, now: number): void {
    if (value === undefined) return;
    const versions = this.#versions.get(key);
    if (versions === undefined) {
      const [longest] = this.#versions.size >= this.#most ? this.#versions.keys() : [];
      if (longest !== undefined) this.#versions.delete(longest);
      this.#versions.set(key, [{ since: now, value, seen: now }]);
      return;
    }
    const last = versions.at(-1);
    if (last !== undefined && this.#isSame(last.value, value)) last.seen = now;
    else versions.push({ since: now, value, seen: now });
  }

  /** What it meant at `time`; where that was learnt later, the first that is known. */
  at(key: K, time: number): V | undefined {
    const versions = this.#versions.get(key);
    if (versions === undefined) return undefined;
    for (let index = versions.length - 1; index > 0; index -= 1) {
      const version = versions[index];
      if (version !== undefined && version.since <= time) return version.value;
    }
    return versions[0]?.value;
  }

  /** Forgets what nobody can ask about: nothing is kept from before `time`. */
  forget(time: number): void {
    for (const [key, versions] of this.#versions) {
      const from = versions.findIndex((version) => version.seen >= time);
      if (from === -1) this.#versions.delete(key);
      else if (from > 0) versions.splice(0, from);
    }
  }
}
