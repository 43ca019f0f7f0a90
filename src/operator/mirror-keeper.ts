import { isDeepStrictEqual } from 'node:util';
import { Backoff, type Clock, errorMessage, isMembraneError, type Logger } from '../base/index.ts';
import type { MirrorObject, MirrorObjects } from '../kube/index.ts';
import { type FloorMirror, Membership, mirrorsOf, type TenancySettings } from '../tenant/index.ts';
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

const keyOf = ({ namespace, name }: Pick<MirrorObject, 'namespace' | 'name'>): string => `${namespace}/${name}`;

/**
 * Keeps the NetworkPolicies that say what the floor does: those that it wants, and no others with their label. Where there are to
 * be none, it is done once they are gone.
 */
export class MirrorKeeper {
  readonly #o: MirrorKeeperOptions;

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
        const isDue = changes !== seen || clock.now() - lookedAt >= ROUTINE_MS;
        if (view.synced && isDue) {
          await this.#round(check);
          if (!enabled) return;
          seen = changes;
          lookedAt = clock.now();
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
    const wanted = new Map(this.#wanted().map((mirror) => [keyOf(mirror), mirror]));
    const there = new Set<string>();
    for (const found of await store.list()) {
      const key = keyOf(found);
      if (isDeepStrictEqual(found.spec, wanted.get(key)?.spec)) there.add(key);
      else {
        check();
        await store.delete(found);
      }
    }
    for (const [key, { text, ...mirror }] of wanted) {
      if (there.has(key)) continue;
      check();
      if (!(await store.create(mirror, text)))
        log.info({ mirror: key }, 'there is something of that name, or no namespace');
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
