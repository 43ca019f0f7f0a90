import { CLUSTER_RANGE } from '../../src/identity/reserved.ts';
import { identityId, labelMap, type PodIdentity, policyKey, type Workload } from '../../src/model/index.ts';
import { type PolicyRepository, readPolicy } from '../../src/policy/index.ts';

export const POLICIES = 1000;
export const IDENTITIES = 3000;
/** Tenants, each a namespace; policies and identities are spread over them evenly. */
export const TENANTS = 100;

const PER_TENANT = IDENTITIES / TENANTS;
const POLICIES_PER_TENANT = POLICIES / TENANTS;

export const namespaceOf = (tenant: number): string => `tenant-${tenant % TENANTS}`;

export function workload(index: number): Workload {
  const namespace = namespaceOf(Math.floor(index / PER_TENANT));
  const within = index % PER_TENANT;
  return {
    namespace,
    namespaceLabels: labelMap({ 'kubernetes.io/metadata.name': namespace, team: `team-${index % 7}` }),
    labels: labelMap({
      app: `app-${within % POLICIES_PER_TENANT}`,
      role: `role-${within}`,
      tier: `tier-${within % 3}`,
    }),
    serviceAccount: 'default',
    cluster: 'default',
    namedPorts: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  };
}

/** A NetworkPolicy as people write them: some peers of the tenant, a neighbour's namespace, an address range, a few ports. */
export function policyManifest(index: number, ports: readonly number[] = [8080, 9090]) {
  const tenant = Math.floor(index / POLICIES_PER_TENANT);
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: `policy-${index}`, namespace: namespaceOf(tenant) },
    spec: {
      podSelector: { matchLabels: { app: `app-${index % POLICIES_PER_TENANT}` } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from: [
            { podSelector: { matchLabels: { tier: `tier-${index % 3}` } } },
            { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespaceOf(tenant + 1) } } },
          ],
          ports: [...ports.map((port) => ({ protocol: 'TCP', port })), { protocol: 'TCP', port: 'http' }],
        },
      ],
      egress: [
        { to: [{ podSelector: {} }], ports: [{ protocol: 'TCP', port: 8080, endPort: 8099 }] },
        {
          to: [{ ipBlock: { cidr: `203.0.${index % 250}.0/24`, except: [`203.0.${index % 250}.128/25`] } }],
          ports: [{ protocol: 'TCP', port: 443 }],
        },
      ],
    },
  };
}

export function installPolicy(repository: PolicyRepository, index: number, ports?: readonly number[]): void {
  const { kind, metadata, spec } = policyManifest(index, ports);
  const policy = { kind, uid: '', ...metadata, spec, unknownFields: [] };
  repository.upsertPolicy(policyKey(policy), readPolicy(policy).entries);
}

/** Identities and policies of the whole cluster. */
export function populate(repository: PolicyRepository): PodIdentity[] {
  const identities = Array.from({ length: IDENTITIES }, (_, index): PodIdentity => {
    return { kind: 'pod', id: identityId(CLUSTER_RANGE.first + index), workload: workload(index) };
  });
  for (const identity of identities) repository.upsertIdentity(identity);
  for (let index = 0; index < POLICIES; index += 1) installPolicy(repository, index);
  return identities;
}
