import { namespacedName } from '../base/index.ts';
import { labelMap, type PolicyObject, policyKey, type Workload } from '../model/index.ts';
import {
  type LintedFloor,
  type LintedService,
  type LintWorld,
  type PolicySettings,
  readPolicy,
} from '../policy/index.ts';
import type { Intent } from './intent.ts';
import { isWorkload, workloadOf } from './pod-workload.ts';
import type { PodsElsewhere } from './pods-elsewhere.ts';

export type LintWorldOptions = {
  readonly intent: Intent;
  readonly elsewhere: Pick<PodsElsewhere, 'pods'>;
  readonly settings: PolicySettings;
  readonly cluster: string;
  /** What Tenants leave to policies among these. */
  readonly floor: (workloads: readonly Workload[]) => LintedFloor;
  /** Thought over what is there, in place of policies of the same name. */
  readonly proposed?: readonly PolicyObject[];
};

/** The cluster as it is meant to be, for who looks for what is hardly meant. */
export function lintWorld(options: LintWorldOptions): LintWorld {
  const { intent, elsewhere, settings, cluster, proposed = [] } = options;
  const policies = new Map(
    [...intent.policies.rows.values(), ...proposed].map((policy) => [policyKey(policy), policy]),
  );
  const pods = [...ownPods(intent, cluster), ...podsOfOthers(elsewhere)];
  return {
    policies: Array.from(policies.values(), (policy) => {
      const { entries, staged } = readPolicy(policy);
      return { policy, entries, isStaged: staged !== undefined };
    }),
    pods,
    namespaces: Array.from(intent.namespaces.rows.values(), ({ name, labels }) => ({
      name,
      labels: labelMap(labels),
    })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    services: linted(intent),
    floor: options.floor(pods.map(({ workload }) => workload)),
    settings,
  };
}

function ownPods({ pods, namespaces }: Intent, cluster: string): LintWorld['pods'] {
  return Array.from(pods.rows.values()).flatMap((row) => {
    const namespace = namespaces.get(namespacedName({ name: row.namespace }));
    if (namespace === undefined || !isWorkload(row)) return [];
    return [{ pod: namespacedName(row), workload: workloadOf(row, namespace, cluster) }];
  });
}

/** With the labels that make them who they are. */
function podsOfOthers(elsewhere: Pick<PodsElsewhere, 'pods'>): LintWorld['pods'] {
  return Array.from(elsewhere.pods(), ({ pod, identity }) => ({ pod, workload: identity.workload }));
}

function linted({ services, slices }: Intent): LintedService[] {
  const counts = new Map<string, number>();
  for (const slice of slices.rows.values()) {
    const name = namespacedName({ namespace: slice.namespace, name: slice.service });
    const usable = slice.endpoints.filter(({ ready, serving, terminating }) => ready || (serving && terminating));
    counts.set(name, (counts.get(name) ?? 0) + usable.length);
  }
  return Array.from(services.rows.values(), (service) => ({
    service: namespacedName(service),
    wantsBackends: service.type !== 'ExternalName' && !service.foreign && !service.clusterIPs.includes('None'),
    backends: counts.get(namespacedName(service)) ?? 0,
  }));
}
