import type { Stage } from '../stage/index.ts';

/** A namespace in which pods of the role `server` are reached by those of the role `client` and by nobody else. */
export async function admitClientsOnly(stage: Stage, namespace: string): Promise<void> {
  await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await stage.apply({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'server', namespace },
    spec: {
      podSelector: { matchLabels: { role: 'server' } },
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ podSelector: { matchLabels: { role: 'client' } } }] }],
    },
  });
}
