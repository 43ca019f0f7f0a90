import { type CidrIdentity, type IdentityId, identityId } from '../model/index.ts';
import { type Addr, type Prefix, PrefixMap } from '../net/index.ts';
import { identityErrors } from './errors.ts';
import { NumberPool } from './number-pool.ts';
import { CIDR_RANGE, type IdentityRange } from './reserved.ts';

type Held = { identity: CidrIdentity; users: number };

/** Local identities of the prefixes that policies name; an address has that of the longest prefix around it. */
export class CidrIdentities {
  readonly #pool: NumberPool;
  readonly #byPrefix = new Map<string, Held>();
  /** The same, for who asks with an address. */
  readonly #around = new PrefixMap<Held>();
  #generation = 0;

  /** Numbers of an earlier run, kept for their prefixes. */
  readonly #remembered = new Map<string, IdentityId>();

  #changes = new Map<string, IdentityId | undefined>();

  /** `remembered`: what `snapshot` gave before a restart; numbers that are no longer possible are dropped. */
  constructor(options: { range?: IdentityRange; remembered?: Readonly<Record<string, number>> } = {}) {
    this.#pool = new NumberPool(options.range ?? CIDR_RANGE);
    for (const [prefix, number] of Object.entries(options.remembered ?? {})) {
      if (this.#pool.claim(number)) this.#remembered.set(prefix, identityId(number));
    }
  }

  /** The prefix's identity, with one more user; `created` when it had none. E_IDENTITY_EXHAUSTED changes nothing. */
  acquire(prefix: Prefix): { readonly identity: CidrIdentity; readonly created: boolean } {
    const held = this.#byPrefix.get(prefix.toString());
    if (held !== undefined) {
      held.users += 1;
      return { identity: held.identity, created: false };
    }
    const id = this.#remembered.get(prefix.toString()) ?? this.#pool.take();
    if (id === undefined) {
      throw identityErrors.make('E_IDENTITY_EXHAUSTED', {
        detail: `all ${this.#pool.size} numbers for prefixes are taken; asked for ${prefix.toString()}`,
        remedy: 'Use fewer distinct ipBlocks and excepts.',
      });
    }
    this.#remembered.delete(prefix.toString());
    const identity: CidrIdentity = { kind: 'cidr', id, prefix, isApiServer: false };
    const taken = { identity, users: 1 };
    this.#byPrefix.set(prefix.toString(), taken);
    this.#around.set(prefix, taken);
    this.#changes.set(prefix.toString(), id);
    this.#generation += 1;
    return { identity, created: true };
  }

  /** What a prefix that is held is from now on: the same number, as an API server's or not. */
  mark(prefix: Prefix, isApiServer: boolean): CidrIdentity {
    const held = this.#byPrefix.get(prefix.toString());
    if (held === undefined) throw identityErrors.make('E_IDENTITY_UNKNOWN', { detail: `mark of ${prefix.toString()}` });
    held.identity = { ...held.identity, isApiServer };
    return held.identity;
  }

  /** One user less; the identity when that was the last. */
  release(prefix: Prefix): CidrIdentity | undefined {
    const held = this.#byPrefix.get(prefix.toString());
    if (held === undefined)
      throw identityErrors.make('E_IDENTITY_UNKNOWN', { detail: `release of ${prefix.toString()}` });
    held.users -= 1;
    if (held.users > 0) return undefined;
    this.#byPrefix.delete(prefix.toString());
    this.#changes.set(prefix.toString(), undefined);
    this.#around.delete(prefix);
    this.#pool.free(held.identity.id);
    this.#generation += 1;
    return held.identity;
  }

  /** How many prefixes have one. */
  get size(): number {
    return this.#byPrefix.size;
  }

  /** Another number whenever a prefix came or went. */
  get generation(): number {
    return this.#generation;
  }

  /** The identity of exactly this prefix. */
  get(prefix: Prefix): CidrIdentity | undefined {
    return this.#byPrefix.get(prefix.toString())?.identity;
  }

  /** The identity of the longest registered prefix that contains the address. */
  of(addr: Addr): CidrIdentity | undefined {
    return this.#around.longest(addr)?.identity;
  }

  /** Users by prefix in canonical text. */
  counts(): ReadonlyMap<string, number> {
    return new Map(Array.from(this.#byPrefix, ([prefix, held]) => [prefix, held.users]));
  }

  identities(): CidrIdentity[] {
    return Array.from(this.#byPrefix.values(), ({ identity }) => identity);
  }

  /** Numbers by prefix that came, or went (undefined), since `saved` was called last. */
  get changes(): ReadonlyMap<string, IdentityId | undefined> {
    return this.#changes;
  }

  /** `changes` are where they survive a restart. */
  saved(): void {
    this.#changes = new Map();
  }

  /** Numbers by prefix, plain JSON, for the next run's `remembered`. */
  snapshot(): Record<string, IdentityId> {
    return Object.fromEntries(Array.from(this.#byPrefix, ([prefix, held]) => [prefix, held.identity.id]));
  }
}
