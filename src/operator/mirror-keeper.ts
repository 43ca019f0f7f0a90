import { isDeepStrictEqual } from 'node:util';
import { Backoff, type Clock, errorMessage, isMembraneError, type Logger, namespacedName } from '../base/index.ts';
import type { MirrorObject, MirrorObjects } from '../kube/index.ts';
import { type FloorMirror, Membership, mirrorsOf, type TenancySettings } from '../tenant/index.ts';
import { isOfWholeServer } from './errors.ts';
import type { Term } from './leader-election.ts';
import type { TenantView } from './tenant-view.ts';

/** Exports end without a change, and somebody else may have written. */
const ROUTINE_MS = 30_000;

export type MirrorKeeperOptions = {
  readonly view: TenantView;
  readonly store: Pick<MirrorObjects, 'list' | 'create' | 'delete'>;
  /** False: there are to be none. */
  readonly enabled: boolean;
  readonly settings: TenancySettings;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

type Round = { readonly refused: Map<string, string>; readonly check: () => void };
type Mirror = Pick<MirrorObject, 'namespace' | 'name'>;

/**
 * Keeps the NetworkPolicies that say what the floor does: those that it wants, and no others with their label. Where there are to
 * be none, it is done once they are gone. What the server refuses in one namespace (that one is on its way out, or has a quota)
 * holds up no other.
 */
export class MirrorKeeper {
  readonly #o: MirrorKeeperOptions;
  /** By what it is of: the code of the server's last refusal, which is said once. */
  #refused: ReadonlyMap<string, string> = new Map();

  constructor(options: MirrorKeeperOptions) {
    this.#o = options;
  }

  async run({ signal, check }: Term): Promise<void> {
    const { view, enabled, intervalMs, clock, log } = this.#o;
    const backoff = new Backoff({ initial: 1_000, max: 60_000 });
    let seen = -1;
    let lookedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      let pauseMs = intervalMs;
      try {
        const { changes } = view;
        const isDue = changes !== seen || clock.elapsed() - lookedAt >= ROUTINE_MS;
        if (view.synced && isDue) {
          await this.#round(check);
          if (!enabled && this.#refused.size === 0) return;
          seen = changes;
          lookedAt = clock.elapsed();
        }
        backoff.reset();
      } catch (error) {
        if (signal.aborted || isMembraneError(error, 'E_OPERATOR_NOT_LEADING')) return;
        pauseMs = Math.max(intervalMs, backoff.next());
        log.warn(
          { error: errorMessage(error), retryInMs: Math.round(pauseMs) },
          'mirrors of the floor are not written',
        );
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** What goes, goes first: two that contradict each other would say that more passes than does. */
  async #round(check: () => void): Promise<void> {
    const { store, log } = this.#o;
    const wanted = new Map(this.#wanted().map((mirror) => [namespacedName(mirror), mirror]));
    const there = new Set<string>();
    const refused = new Map<string, string>();
    const round = { refused, check };
    const contradicted = new Set<string>();
    for (const found of await store.list()) {
      const key = namespacedName(found);
      if (isDeepStrictEqual(found.spec, wanted.get(key)?.spec)) there.add(key);
      else {
        const isGone = await this.#unlessRefused(found, round, async () => await store.delete(found));
        if (isGone === undefined) contradicted.add(found.namespace);
      }
    }
    for (const [key, { text, ...mirror }] of wanted) {
      if (there.has(key) || contradicted.has(mirror.namespace)) continue;
      const isMade = await this.#unlessRefused(mirror, round, async () => await store.create(mirror, text));
      if (isMade === false) log.info({ mirror: key }, 'there is something of that name, or no namespace');
    }
    this.#refused = refused;
  }

  /** Undefined: the server refuses it. Throws what it would answer to all others, too. */
  async #unlessRefused(
    mirror: Mirror,
    { refused, check }: Round,
    write: () => Promise<boolean>,
  ): Promise<boolean | undefined> {
    check();
    try {
      return await write();
    } catch (error) {
      if (!isMembraneError(error) || isOfWholeServer(error)) throw error;
      const key = namespacedName(mirror);
      refused.set(key, error.code);
      if (this.#refused.get(key) !== error.code)
        this.#o.log.warn({ mirror: key, error: errorMessage(error) }, 'a mirror of the floor is refused');
      return undefined;
    }
  }

  #wanted(): FloorMirror[] {
    const { view, enabled, settings, clock } = this.#o;
    if (!enabled) return [];
    const tenants = Array.from(view.tenants.rows.values(), ({ tenant }) => tenant);
    return mirrorsOf({
      membership: new Membership(
        tenants.filter(({ mode }) => mode === 'Enforce'),
        settings,
      ),
      namespaces: Array.from(view.namespaces.rows.values(), ({ name }) => name).sort(),
      service: (key) => view.services.get(key),
      now: clock.now(),
    });
  }
}
