import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxCluster } from '../../src/sandbox/cluster/cluster.ts';
import { NAMESPACE } from './flows.ts';
import type { Random } from './random.ts';

/** What may happen, one at a time; each ends in a state in which everything runs. */
export type Fault = { readonly name: string; readonly happen: () => Promise<void> };

/** `serial`: for names that nothing had before. */
export function allFaults(cluster: SandboxCluster, random: Random): readonly Fault[] {
  let serial = 0;
  const pods: string[] = [];
  const node = (): string => random.pick(cluster.nodes).name;
  const during = (least: number, most: number): Promise<void> => sleep(random.between(least, most));
  return [
    {
      name: 'agent killed',
      happen: async () => {
        const name = node();
        await cluster.killAgent(name, 'SIGKILL');
        await during(0, 2_000);
        await cluster.startAgent(name);
      },
    },
    {
      name: 'agent ended',
      happen: async () => {
        const name = node();
        await cluster.killAgent(name, 'SIGTERM');
        await during(0, 1_000);
        await cluster.startAgent(name);
      },
    },
    {
      name: 'agent stopped',
      happen: async () => {
        const pid = await cluster.agentPid(node());
        if (pid === undefined) return;
        process.kill(pid, 'SIGSTOP');
        await during(200, 3_000);
        process.kill(pid, 'SIGCONT');
      },
    },
    {
      name: 'operator killed',
      happen: async () => {
        await cluster.operator.kill('SIGKILL');
        await during(0, 5_000);
        await cluster.operator.start();
      },
    },
    {
      // Longer than its lease at times: it must not go on when it wakes up.
      name: 'operator stopped',
      happen: async () => {
        const { pid } = cluster.operator;
        if (pid === undefined) return;
        process.kill(pid, 'SIGSTOP');
        await during(200, 6_000);
        process.kill(pid, 'SIGCONT');
      },
    },
    {
      name: 'API server gone',
      happen: async () => {
        await cluster.stopApi();
        await during(500, 5_000);
        await cluster.startApi();
      },
    },
    {
      name: 'pod made',
      happen: async () => {
        const name = `other-${(serial += 1)}`;
        pods.push(name);
        await cluster.apply(pod(name, random.pick(['other', 'client', 'stranger']), node()));
      },
    },
    {
      name: 'pod deleted',
      happen: async () => {
        const name = pods.shift();
        if (name !== undefined) await cluster.delete({ resource: 'pods', namespace: NAMESPACE, name }, 0);
      },
    },
    {
      name: 'stranger relabelled',
      happen: async () => {
        const name = `stranger-${random.pick(cluster.nodes).index}`;
        const labels = { turn: String((serial += 1) % 7) };
        await cluster.patch({ resource: 'pods', namespace: NAMESPACE, name }, { metadata: { labels } });
      },
    },
    {
      name: 'policy changed',
      happen: async () => cluster.apply(policy('more', [random.pick(['other', 'nobody', 'guest'])])),
    },
  ];
}

export function pod(name: string, role: string, node: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: NAMESPACE, name, labels: { role } },
    spec: { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'pause' }] },
  });
}

/** Lets pods of these roles reach the servers. */
export function policy(name: string, roles: readonly string[]): string {
  return JSON.stringify({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: NAMESPACE, name },
    spec: {
      podSelector: { matchLabels: { role: 'server' } },
      policyTypes: ['Ingress'],
      ingress: [{ from: roles.map((role) => ({ podSelector: { matchLabels: { role } } })) }],
    },
  });
}
