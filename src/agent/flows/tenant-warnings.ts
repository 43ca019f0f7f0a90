import type { Intent, ObjectProblem, ObjectProblems } from '../../cluster/index.ts';
import { DROP_REASON_TEXTS, type DropReason, type IdentityId, type TenantRow } from '../../model/index.ts';
import type { Floor } from '../../plane/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';

/** Kinds of refusals that are remembered as told: tenants x namespaces x directions x reasons. */
const MOST_TOLD = 10_000;

export type TenantWarningsOptions = {
  readonly floor: Pick<Floor, 'whole'>;
  readonly repository: Pick<PolicyRepository, 'identity'>;
  readonly intent: Pick<Intent, 'namespaces'>;
  readonly problems: Pick<ObjectProblems, 'report'>;
};

/**
 * Says of a Tenant with `mode: Warn`, once a kind, what it would refuse: on the Tenant, and on the namespace of the pods, where
 * who has those sees it. The other end is named to nobody: each is told only of his own pods what becomes of them.
 */
export class TenantWarnings {
  readonly #o: TenantWarningsOptions;
  readonly #told = new Set<string>();
  #of: Floor['whole'] | undefined;

  constructor(options: TenantWarningsOptions) {
    this.#o = options;
  }

  /** A connection that opened, and would not once all Tenants enforce. */
  see(reason: DropReason, opener: IdentityId, responder: IdentityId): void {
    const { whole } = this.#o.floor;
    if (this.#of !== whole || this.#told.size >= MOST_TOLD) this.#told.clear();
    this.#of = whole;
    this.#seeEnd(reason, opener, 'open');
    this.#seeEnd(reason, responder, 'get');
  }

  #seeEnd(reason: DropReason, id: IdentityId, what: 'open' | 'get'): void {
    const identity = this.#o.repository.identity(id);
    if (identity?.kind !== 'pod') return;
    const { namespace } = identity.workload;
    const key = `${namespace} ${what} ${reason}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    for (const tenant of this.#o.floor.whole.claimants(namespace)) {
      if (tenant.mode === 'Warn') this.#tell(tenant, namespace, { what, reason });
    }
  }

  #tell(
    tenant: TenantRow,
    namespace: string,
    { what, reason }: { readonly what: 'open' | 'get'; readonly reason: DropReason },
  ): void {
    const { problems, intent } = this.#o;
    const problem: ObjectProblem = {
      reason: 'WouldDrop',
      message:
        `of the connections that pods of namespace ${namespace} ${what}, some would be dropped as ${reason} once all ` +
        `Tenants enforce: ${DROP_REASON_TEXTS[reason].text}. \`membrane observe\` tells which to who may see them.`,
    };
    const { name, uid } = tenant;
    problems.report({ apiVersion: 'membrane.io/v1alpha1', kind: 'Tenant', namespace: '', name, uid }, [problem]);
    const own = intent.namespaces.rows.values().find((row) => row.name === namespace);
    if (own === undefined) return;
    // An event is in the namespace of what it is about, and not every one may look into `default`.
    problems.report({ apiVersion: 'v1', kind: 'Namespace', namespace, name: namespace, uid: own.uid }, [problem]);
  }
}
