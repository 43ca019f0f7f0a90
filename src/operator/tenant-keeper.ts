import {
  Backoff,
  type Clock,
  errorMessage,
  isMembraneError,
  type Logger,
  type MembraneError,
  type NamespacedName,
} from '../base/index.ts';
import {
  type EventObjects,
  eventOn,
  type KeptTenant,
  TENANT_FINALIZER,
  type TenantCondition,
  type TenantObjects,
  type TenantStatus,
} from '../kube/index.ts';
import type { ServiceSpec } from '../model/index.ts';
import { claimStanding, importedBy, Membership, type TenancySettings } from '../tenant/index.ts';
import { isOfWholeServer } from './errors.ts';
import type { Term } from './leader-election.ts';
import type { OperatorMetrics } from './metrics.ts';
import { type ProofStanding, proofStanding } from './proof-standing.ts';
import type { TenantView } from './tenant-view.ts';

const MOST_TOLD = 10;
const ROUTINE_MS = 30_000;
/** However many nodes there are. */
const PROOFS_MS = 2_000;
export type TenantKeeperOptions = {
  readonly view: TenantView;
  readonly store: Pick<TenantObjects, 'setFinalizers' | 'setStatus'>;
  readonly events: Pick<EventObjects, 'say'>;
  readonly metrics: Pick<OperatorMetrics, 'unwritten'>;
  /** Where this operator runs. */
  readonly host: string;
  readonly settings: TenancySettings;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

/** One of which the server takes nothing: tried again later and later, and when it is another. */
type Refused = {
  readonly name: string;
  readonly version: string;
  readonly code: string;
  readonly backoff: Backoff;
  readonly until: number;
};

/**
 * Says on each Tenant what it has, and keeps one that is being deleted while namespaces are its own: closed is what they are
 * then, and nobody's and open is what they would be without it. What the server refuses of one holds up no other.
 */
export class TenantKeeper {
  readonly #o: TenantKeeperOptions;
  /** By uid. */
  readonly #refused = new Map<string, Refused>();

  constructor(options: TenantKeeperOptions) {
    this.#o = options;
  }

  async run({ signal, check }: Term): Promise<void> {
    const { view, intervalMs, clock, log } = this.#o;
    const backoff = new Backoff({ initial: 1_000, max: 60_000 });
    // Of a term before this one nothing is known.
    let seen = -1;
    let proofsSeen = -1;
    let lookedAt = Number.NEGATIVE_INFINITY;
    this.#refused.clear();
    while (!signal.aborted) {
      let pauseMs = intervalMs;
      try {
        const { changes, proofChanges } = view;
        const agoMs = clock.elapsed() - lookedAt;
        const isProved = proofChanges !== proofsSeen && agoMs >= PROOFS_MS;
        // Exports end, and proofs get old, without a change.
        const isDue = changes !== seen || isProved || agoMs >= ROUTINE_MS || this.#isAgain();
        if (view.synced && isDue && (await this.#round(check))) {
          seen = changes;
          proofsSeen = proofChanges;
          lookedAt = clock.elapsed();
        }
        backoff.reset();
      } catch (error) {
        if (signal.aborted || isMembraneError(error, 'E_OPERATOR_NOT_LEADING')) return;
        pauseMs = Math.max(intervalMs, backoff.next());
        log.warn({ error: errorMessage(error), retryInMs: Math.round(pauseMs) }, 'what tenants have is not written');
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** False: something was another by then, and is to be looked at again. */
  async #round(check: () => void): Promise<boolean> {
    const { view, settings, clock, metrics } = this.#o;
    const rows = Array.from(view.tenants.rows.values());
    const tenants = rows.map(({ tenant }) => tenant);
    // Of one that observes it is told what it will have: until then the others have it.
    const whole = new Membership(tenants, settings);
    const membershipFor = {
      Enforce: new Membership(
        tenants.filter(({ mode }) => mode === 'Enforce'),
        settings,
      ),
      Warn: whole,
      Observe: whole,
    };
    let done = true;
    for (const row of rows) {
      const refused = this.#refused.get(row.uid);
      if (refused?.version === row.resourceVersion && clock.elapsed() < refused.until) continue;
      try {
        done = (await this.#keep(row, membershipFor[row.tenant.mode], check)) && done;
        this.#refused.delete(row.uid);
      } catch (error) {
        if (!isMembraneError(error) || isOfWholeServer(error)) throw error;
        await this.#refuse(row, error);
      }
    }
    for (const [uid, { name }] of this.#refused) if (view.tenants.get(name)?.uid !== uid) this.#refused.delete(uid);
    metrics.unwritten(this.#refused.size);
    return done;
  }

  #isAgain(): boolean {
    const now = this.#o.clock.elapsed();
    return this.#refused.values().some(({ until }) => until <= now);
  }

  /** Said on it once for each reason: its status cannot say so. */
  async #refuse({ uid, name, resourceVersion: version }: KeptTenant, error: MembraneError): Promise<void> {
    const { clock, events, host, log } = this.#o;
    const { code } = error;
    const before = this.#refused.get(uid);
    const backoff = before?.backoff ?? new Backoff({ initial: 1_000, max: 60_000 });
    this.#refused.set(uid, { name, version, code, backoff, until: clock.elapsed() + backoff.next() });
    if (before?.code === code) return;
    const message = `what it has is not written: ${errorMessage(error)}`;
    log.warn({ tenant: name, error: errorMessage(error) }, 'what a tenant has is not written');
    const subject = { apiVersion: 'membrane.io/v1alpha1', kind: 'Tenant', namespace: '', name, uid };
    const event = eventOn(subject, { reason: 'StatusNotWritten', message }, { host, now: clock.now() });
    await events
      .say(event)
      .catch((failure: unknown) => log.debug({ error: errorMessage(failure) }, 'event not written'));
  }

  async #keep(row: KeptTenant, membership: Membership, check: () => void): Promise<boolean> {
    const { view, store, clock } = this.#o;
    const existing = view.namespaces.rows.values().map(({ name }) => name);
    const standing = claimStanding(row.tenant, existing, membership);
    const has = row.finalizers.includes(TENANT_FINALIZER);
    const isEmpty = standing.namespaces.length + standing.closed.length === 0;
    const wants = row.isLeaving ? has && !isEmpty : true;
    if (has !== wants) {
      check();
      const others = row.finalizers.filter((name) => name !== TENANT_FINALIZER);
      return await store.setFinalizers(row, wants ? [...others, TENANT_FINALIZER] : others);
    }
    const imports = importProblems(row, membership, {
      service: (key) => view.services.get(key),
      settings: this.#o.settings,
      now: clock.now(),
    });
    const proofs = proofStanding({
      tenant: row.name,
      generation: row.generation,
      nodes: Array.from(view.nodes.rows.values(), ({ name }) => name).sort(),
      proofOf: (node) => view.proofs.get(node),
      now: clock.now(),
    });
    const next = statusOf(row, { ...standing, imports, proofs }, new Date(clock.now()).toISOString());
    if (JSON.stringify(next) === JSON.stringify(row.status)) return true;
    check();
    return await store.setStatus(row, next);
  }
}

type Context = {
  readonly service: (key: NamespacedName) => ServiceSpec | undefined;
  readonly settings: TenancySettings;
  readonly now: number;
};

/** Whatever pods there are. */
function importProblems(
  { tenant }: KeptTenant,
  membership: Membership,
  { service, settings, now }: Context,
): readonly string[] {
  const { systemServices } = settings;
  const nobody = { identitiesOf: () => [], namespacesOf: () => [] };
  return importedBy(tenant, { ...nobody, membership, service, systemServices, apiServers: undefined, now }).problems;
}

type Said = Pick<TenantCondition, 'type' | 'status' | 'reason' | 'message'>;

type Standing = {
  readonly namespaces: readonly string[];
  readonly problems: readonly string[];
  readonly imports: readonly string[];
  readonly proofs: ProofStanding;
};

function statusOf(row: KeptTenant, { namespaces, problems, imports, proofs }: Standing, now: string): TenantStatus {
  const { generation } = row;
  const stamped = ({ type, status, reason, message }: Said): TenantCondition => {
    const former = row.status?.conditions.find((one) => one.type === type);
    return {
      type,
      status,
      reason,
      message,
      observedGeneration: generation,
      lastTransitionTime: former?.status === status ? former.lastTransitionTime : now,
    };
  };
  const condition = (type: Said['type'], wrong: readonly string[], good: string, bad: string): TenantCondition => {
    const status = wrong.length === 0 ? 'True' : 'False';
    return stamped({
      type,
      status,
      reason: status === 'True' ? good : bad,
      message: wrong.slice(0, MOST_TOLD).join('; '),
    });
  };
  return {
    observedGeneration: generation,
    namespaces,
    enforced: proofs.enforced,
    ineffectiveRules: proofs.ineffectiveRules,
    conditions: [
      condition('MembershipClear', row.isLeaving ? [...problems, 'it is being deleted'] : problems, 'Clear', 'Closed'),
      condition('ImportsResolved', imports, 'Resolved', 'NotShared'),
      ...proofs.conditions.map(stamped),
    ],
  };
}
