import type { Actor, Stage } from '../stage/index.ts';
import { BOTH, startAnswer } from '../tools/index.ts';

export const NODE_PORT = 30_878;
export const BACKEND_PORT = 8080;
/** One more address of the node, on its uplink: "every local address" is more than one. */
export const SECOND_ADDRESS = '172.18.0.77';
/** Of the world: the policy lets the first in and not the second. */
export const WELCOME = { cidr: '198.51.100.0/24', address: '198.51.100.1' } as const;
export const UNWELCOME = '203.0.113.1';

/** A namespace with two backends behind a node port, a pod that may ask them and one that may not. */
export type NodePortScene = {
  readonly namespace: string;
  readonly backends: readonly Actor[];
  readonly client: Actor;
  readonly stranger: Actor;
};

function objects(namespace: string): Parameters<Stage['apply']>[0][] {
  const ports = BOTH.map((protocol) => ({ protocol, port: BACKEND_PORT }));
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { namespace, name: 'web-for-its-clients' },
      spec: {
        podSelector: { matchLabels: { app: 'web' } },
        policyTypes: ['Ingress'],
        ingress: [
          { from: [{ podSelector: { matchLabels: { role: 'client' } } }, { ipBlock: { cidr: WELCOME.cidr } }], ports },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: 'web' },
      spec: {
        type: 'NodePort',
        selector: { app: 'web' },
        ports: BOTH.map((protocol) => ({
          name: protocol.toLowerCase(),
          protocol,
          port: 80,
          targetPort: BACKEND_PORT,
          nodePort: NODE_PORT,
        })),
      },
    },
  ];
}

export async function buildNodePort(stage: Stage): Promise<NodePortScene> {
  const { sandbox, node } = stage;
  const namespace = stage.fresh('node-port');
  const [space, ...rest] = objects(namespace);
  if (space !== undefined) await stage.apply(space);
  stage.afterwards(() => sandbox.nodeExec(node.name, ['ip', 'addr', 'del', `${SECOND_ADDRESS}/32`, 'dev', 'eth0']));
  await sandbox.nodeExec(node.name, ['ip', 'addr', 'replace', `${SECOND_ADDRESS}/32`, 'dev', 'eth0']);
  const [first, second, client, stranger] = await Promise.all([
    stage.startPod({ namespace, name: 'web-1', labels: { app: 'web' } }),
    stage.startPod({ namespace, name: 'web-2', labels: { app: 'web' } }),
    stage.startPod({ namespace, name: 'client', labels: { role: 'client' } }),
    stage.startPod({ namespace, name: 'stranger', labels: { role: 'stranger' } }),
  ]);
  const backends = [first, second];
  for (const { name } of backends) {
    const seat = await stage.inPod({ namespace, name });
    stage.own(await startAnswer(seat, { at: '0.0.0.0', port: BACKEND_PORT, text: name }));
  }
  for (const object of rest) await stage.apply(object);
  await stage.served(namespace, 'web', 4, backends.length);
  return { namespace, backends, client, stranger };
}
