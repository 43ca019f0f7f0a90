import { Counter, Gauge, type Registry } from '../../base/metrics.ts';
import { TENANT_RESOURCE } from '../../model/gen/enums.ts';
import type { Floor } from '../../plane/index.ts';
import type { NamespaceTally } from './namespace-tally.ts';
import { ownerOf } from './owner.ts';
import type { PolicyTally } from './policy-tally.ts';

export type TallySources = {
  readonly namespaces: Pick<NamespaceTally, 'show'>;
  readonly policies: Pick<PolicyTally, 'show'>;
  readonly floor: Pick<Floor, 'membership' | 'whole' | 'accountOf'>;
  /** Of the pods of this node, each once. */
  readonly podNamespaces: () => readonly string[];
};

/** By namespace, policy and tenant. All is read when it is asked for. */
export function tallyMetrics(registry: Registry, sources: TallySources): readonly (Counter | Gauge)[] {
  const registers = [registry];
  const { namespaces, policies, floor, podNamespaces } = sources;
  return [
    new Counter({
      name: 'membrane_drops_total',
      help: 'Packets of pods of this node, or of the node itself, that were dropped, and what sockets were refused; direction seen from the pod',
      labelNames: ['tenant', 'namespace', 'reason', 'direction'],
      registers,
      async collect() {
        const counts = await namespaces.show();
        this.reset();
        for (const { tenant, namespace, what, count } of counts) {
          if (what.kind !== 'drop') continue;
          const { reason, direction } = what;
          this.inc({ tenant, namespace, reason, direction }, count);
        }
      },
    }),
    new Counter({
      name: 'membrane_flow_missed_total',
      help: 'Flow events of pods that were not told, because they were above the share of the pod or the ring was full',
      labelNames: ['tenant', 'namespace'],
      registers,
      async collect() {
        const counts = await namespaces.show();
        this.reset();
        for (const { tenant, namespace, what, count } of counts)
          if (what.kind === 'missed') this.inc({ tenant, namespace }, count);
      },
    }),
    new Counter({
      name: 'membrane_policy_verdicts_total',
      help: 'Connections that were told of, by the policy whose rule allowed or denied them; policy _default: no rule was asked for, since none selects the pod in that direction or its own node opened; what merely no rule allows is in membrane_drops_total',
      labelNames: ['tenant', 'namespace', 'policy', 'direction', 'verdict'],
      registers,
      collect() {
        this.reset();
        for (const { count, ...labels } of policies.show()) this.inc(labels, count);
      },
    }),
    new Gauge({
      name: 'membrane_tenant_pods',
      help: 'Pods of this node by tenant',
      labelNames: ['tenant'],
      registers,
      collect() {
        this.reset();
        for (const namespace of podNamespaces()) this.inc({ tenant: ownerOf(namespace, floor.whole) }, 1);
      },
    }),
    new Gauge({
      name: 'membrane_tenant_used',
      help: 'What a tenant with limits has of this node, by resource',
      labelNames: ['tenant', 'resource'],
      registers,
      collect() {
        this.reset();
        for (const { tenant, resource, used } of limited(sources)) this.set({ tenant, resource }, used);
      },
    }),
    new Counter({
      name: 'membrane_tenant_flow_untold_total',
      help: 'Flow events of a tenant that were not told, because they were above its flowEventsPerSecond',
      labelNames: ['tenant'],
      registers,
      collect() {
        this.reset();
        for (const { tenant, untold } of quiet(sources)) this.inc({ tenant }, untold);
      },
    }),
    new Gauge({
      name: 'membrane_tenant_limit',
      help: 'What a tenant with limits may have of this node, by resource',
      labelNames: ['tenant', 'resource'],
      registers,
      collect() {
        this.reset();
        for (const { tenant, resource, limit } of limited(sources)) this.set({ tenant, resource }, limit);
      },
    }),
  ];
}

/** Tenants that have pods here. */
function tenantsHere({ floor: { membership }, podNamespaces }: TallySources) {
  const here = new Set(podNamespaces().map((namespace) => ownerOf(namespace, membership)));
  return membership.tenants.values().filter(({ name }) => here.has(name));
}

/** Of these, those that may not tell as much as they like. */
function quiet(sources: TallySources) {
  return tenantsHere(sources).flatMap((tenant) => {
    const account = tenant.limits.flowEventsPerSecond === undefined ? undefined : sources.floor.accountOf(tenant);
    return account === undefined ? [] : [{ tenant: tenant.name, untold: account.untold }];
  });
}

/** The same, of what is limited. */
function limited(sources: TallySources) {
  return tenantsHere(sources).flatMap((tenant) => {
    const account = sources.floor.accountOf(tenant);
    const { connections, natPorts } = tenant.limits;
    const limits = { connections, 'nat-ports': natPorts };
    return Object.entries(TENANT_RESOURCE).flatMap(([resource, index]) => {
      const limit = limits[resource as keyof typeof TENANT_RESOURCE];
      const used = account?.used[index];
      return limit === undefined || used === undefined ? [] : [{ tenant: tenant.name, resource, limit, used }];
    });
  });
}
