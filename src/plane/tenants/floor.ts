import type { Intent } from '../../cluster/index.ts';
import type { TenantAccount, TenantRows } from '../../datapath/index.ts';
import { type ClusterNumbers, RESERVED_IDS } from '../../identity/index.ts';
import { type IdentityId, identityId, type TenantRow } from '../../model/index.ts';
import type { TableReader } from '../../table/index.ts';
import {
  type FloorRow,
  floorRow,
  isSameSide,
  Membership,
  NOT_SAID,
  type TenancySettings,
  UNASSIGNED_ROW,
} from '../../tenant/index.ts';
import type { TenantAccounts } from './accounts.ts';
import type { TenantWorlds } from './worlds.ts';

export type FloorOptions = {
  readonly intent: Pick<Intent, 'tenants'>;
  readonly numbers: Pick<ClusterNumbers, 'known' | 'get'>;
  readonly rows: TenantRows;
  readonly accounts: Pick<TenantAccounts, 'prepare' | 'prune' | 'get' | 'differences'>;
  readonly worlds: Pick<TenantWorlds, 'plan' | 'add' | 'remove'>;
  readonly settings: TenancySettings;
};

/** Whose identities are that nobody has said anything of. */
const EVERYBODY_ELSE = identityId(RESERVED_IDS.unknown);

/**
 * Keeps the kernel's floor at what Tenant objects say: whose each identity is. An identity belongs to one namespace, and
 * so to one tenant; moving it is one store.
 */
export class Floor {
  readonly #o: FloorOptions;
  readonly #tenants: TableReader;
  readonly #known: TableReader;
  #membership: Membership;
  #whole: Membership;
  #isUnsure = true;
  #isChanged = false;

  constructor(options: FloorOptions) {
    this.#o = options;
    this.#tenants = options.intent.tenants.reader();
    this.#known = options.numbers.known.reader();
    this.#membership = new Membership([], options.settings);
    this.#whole = this.#membership;
  }

  /** Takes note of what Tenant objects say, before anything hangs on it: what a tenant may have, it may from the first pod on. */
  read(): void {
    if (this.#tenants.drain().size === 0) return;
    this.#isChanged = true;
    const { intent, settings } = this.#o;
    const all = Array.from(intent.tenants.rows.values());
    const enforcing = all.filter(({ mode }) => mode === 'Enforce');
    this.#whole = new Membership(all, settings);
    this.#membership = enforcing.length === all.length ? this.#whole : new Membership(enforcing, settings);
  }

  /**
   * Of the objects that were read last: what is in force, the same object until one of them is another. A Tenant that observes
   * is as though it were not there.
   */
  get membership(): Membership {
    return this.#membership;
  }

  /** As though all enforced; the same where all do. */
  get whole(): Membership {
    return this.#whole;
  }

  /**
   * Writes what is new or other. `before` is called first when it changes what is said of somebody that connections may be
   * with; returns whether it did: then verdicts are to be taken anew.
   */
  follow(before: () => void): boolean {
    const { rows, accounts, worlds } = this.#o;
    this.read();
    const everybody = this.#isChanged || this.#isUnsure;
    if (everybody) accounts.prepare(this.#membership);
    const ids = everybody ? this.#allIds() : Array.from(this.#known.drain(), (text) => identityId(Number(text)));
    if (everybody) this.#known.drain();
    this.#isUnsure = false;
    this.#isChanged = false;
    const fallback = this.#membership.isTrivial ? UNASSIGNED_ROW : NOT_SAID;
    const formerFallback = rows.get(EVERYBODY_ELSE);
    const writes: (readonly [IdentityId, FloorRow])[] = [];
    let moves = everybody && worlds.plan(this.#membership);
    for (const id of ids) {
      const wanted = this.#wanted(id);
      const found = rows.get(id);
      if (found === wanted) continue;
      writes.push([id, wanted]);
      // Nobody has it any more.
      if (wanted === NOT_SAID) continue;
      const former = found === NOT_SAID ? formerFallback : found;
      moves ||= former !== NOT_SAID && !isSameSide(former, wanted);
    }
    moves ||= formerFallback !== NOT_SAID && formerFallback !== fallback;
    if (moves) before();
    if (everybody) worlds.add();
    // What is not said is closed before anything else is said, and open after it.
    if (fallback === NOT_SAID) rows.set(EVERYBODY_ELSE, fallback);
    for (const [id, row] of writes) rows.set(id, row);
    if (fallback !== NOT_SAID && formerFallback !== fallback) rows.set(EVERYBODY_ELSE, fallback);
    if (everybody) worlds.remove();
    if (everybody) accounts.prune(this.#membership);
    return moves;
  }

  /** What the datapath has counted of a tenant with limits. */
  accountOf(tenant: TenantRow): TenantAccount | undefined {
    return this.#o.accounts.get(tenant);
  }

  /** The next `follow` compares everything with the kernel, whoever may have written there. */
  doubt(): void {
    this.#isUnsure = true;
  }

  /** Where the kernel says otherwise than Tenant objects, as the plane followed them last. */
  differences(): string[] {
    const { rows, numbers } = this.#o;
    const wrong = Array.from(this.#allIds()).filter((id) => rows.get(id) !== this.#wanted(id));
    const texts = wrong.map((id) => {
      const namespace = numbers.get(id)?.workload.namespace;
      const who = namespace === undefined ? 'which nobody has' : `of namespace ${namespace}`;
      return `the kernel says of identity ${id}, ${who}, otherwise than the Tenants`;
    });
    const isOpen = rows.get(EVERYBODY_ELSE) !== NOT_SAID && !this.#membership.isTrivial;
    texts.push(...this.#o.accounts.differences(this.#membership));
    return isOpen ? [...texts, 'the kernel lets identities be together that nobody has said anything of'] : texts;
  }

  #allIds(): Set<IdentityId> {
    const { numbers, rows } = this.#o;
    const ids = new Set(Array.from(numbers.known.rows.keys(), (text) => identityId(Number(text))));
    for (const [id] of rows.entries()) if (id !== EVERYBODY_ELSE) ids.add(id);
    return ids;
  }

  #wanted(id: IdentityId): FloorRow {
    const identity = this.#o.numbers.get(id);
    if (identity === undefined) return NOT_SAID;
    return floorRow(this.#membership.of(identity.workload.namespace), this.#o.settings.unassigned);
  }
}
