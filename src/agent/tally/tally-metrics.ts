import { byLabel, type Registry, readCounter, readGauge } from '../../base/metrics.ts';
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
export function tallyMetrics(registry: Registry, sources: TallySources): void {
  const { namespaces, policies, floor, podNamespaces } = sources;
  readCounter(registry, {
    name: 'membrane_drops_total',
    help: 'Packets of pods of this node, or of the node itself, that were dropped, and what sockets were refused; direction seen from the pod',
    labelNames: ['tenant', 'namespace', 'reason', 'direction'],
    read: async () =>
      (await namespaces.show()).flatMap(({ tenant, namespace, what, count }) => {
        if (what.kind !== 'drop') return [];
        const { reason, direction } = what;
        return [[{ tenant, namespace, reason, direction }, count] as const];
      }),
  });
  readCounter(registry, {
    name: 'membrane_flow_missed_total',
    help: 'Flow events of pods that were not told, because they were above the share of the pod or the ring was full',
    labelNames: ['tenant', 'namespace'],
    read: async () =>
      (await namespaces.show()).flatMap(({ tenant, namespace, what, count }) =>
        what.kind === 'missed' ? [[{ tenant, namespace }, count] as const] : [],
      ),
  });
  readCounter(registry, {
    name: 'membrane_policy_verdicts_total',
    help: 'Connections that were told of, by the policy whose rule allowed or denied them; policy _default: no rule was asked for, since none selects the pod in that direction or its own node opened; what merely no rule allows is in membrane_drops_total',
    labelNames: ['tenant', 'namespace', 'policy', 'direction', 'verdict'],
    read: () => policies.show().map(({ count, ...labels }) => [labels, count] as const),
  });
  readGauge(registry, {
    name: 'membrane_tenant_pods',
    help: 'Pods of this node by tenant',
    labelNames: ['tenant'],
    read: () => {
      const pods = Map.groupBy(podNamespaces(), (namespace) => ownerOf(namespace, floor.whole));
      return byLabel(
        'tenant',
        Array.from(pods, ([tenant, own]) => [tenant, own.length] as const),
      );
    },
  });
  readGauge(registry, {
    name: 'membrane_tenant_used',
    help: 'What a tenant with limits has of this node, by resource',
    labelNames: ['tenant', 'resource'],
    read: () => limited(sources).map(({ tenant, resource, used }) => [{ tenant, resource }, used] as const),
  });
  readCounter(registry, {
    name: 'membrane_tenant_flow_untold_total',
    help: 'Flow events of a tenant that were not told, because they were above its flowEventsPerSecond',
    labelNames: ['tenant'],
    read: () => quiet(sources).map(({ tenant, untold }) => [{ tenant }, untold] as const),
  });
  readGauge(registry, {
    name: 'membrane_tenant_limit',
    help: 'What a tenant with limits may have of this node, by resource',
    labelNames: ['tenant', 'resource'],
    read: () => limited(sources).map(({ tenant, resource, limit }) => [{ tenant, resource }, limit] as const),
  });
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
