import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { listAt, numberAt, stringAt } from '../../../src/sandbox/apiserver/index.ts';
import { eventually } from '../services/eventually.ts';
import { lab } from '../services/shared-lab.ts';

const EXAMPLE = join(import.meta.dirname, '../../../examples/deployment/web.yaml');
const NAMESPACE = 'rolling';
const DEPLOYMENT = { resource: 'deployments', namespace: NAMESPACE, name: 'web' };
const WANTED = 2;
/** Made once the update is over; pods have the machine's file system. */
const OVER = '/tmp/mbr-rolled-out';
/** Made once it has been answered. */
const BEGUN = '/tmp/mbr-rolling-out';

/** All its pods are of the present template, and available. */
async function rolledOut(): Promise<void> {
  await eventually('the deployment is rolled out', async () => {
    const deployment = await lab.cluster.get(DEPLOYMENT);
    const counts = ['replicas', 'updatedReplicas', 'availableReplicas'].map((key) =>
      numberAt(deployment, 'status', key),
    );
    const isObserved = numberAt(deployment, 'status', 'observedGeneration') === deployment?.metadata.generation;
    return isObserved && counts.every((count) => count === WANTED);
  });
}

it('a deployment serves behind its service, only to whom its policy names, and a rolling update loses nobody', async () => {
  await lab.cluster.apply(await readFile(EXAMPLE, 'utf8'), EXAMPLE);
  await rolledOut();
  await lab.cluster.waitReady();
  const service = await lab.cluster.get({ resource: 'services', namespace: NAMESPACE, name: 'web' });
  const clusterIP = stringAt(service, 'spec', 'clusterIP') ?? '';
  const askFor = (seconds: number) =>
    `timeout ${seconds + 1} socat -u TCP:${clusterIP}:80,connect-timeout=${seconds} - || echo failed`;
  const ask = askFor(4);
  const asked = async (pod: string, script: string): Promise<string[]> => {
    const { stdout } = await lab.cluster.exec(NAMESPACE, pod, ['sh', '-c', script], { timeoutMs: 200_000 });
    return stdout.trim().split('\n');
  };
  await eventually('the service answers', async () => (await asked('client', ask)).join() === 'version one');
  expect(await asked('stranger', ask)).toEqual(['failed']);
  const before = (await lab.cluster.list('pods', NAMESPACE)).map((pod) => pod.metadata.name);

  // It asks until somebody says that the update is over, and twenty times more.
  const loop = `n=20; while [ $n -gt 0 ]; do ${askFor(40)}; touch ${BEGUN}; sleep 0.05; [ -e ${OVER} ] && n=$((n-1)); done`;
  const asking = asked('client', loop);
  await eventually('it has been answered', async () => {
    return (await asked('client', `[ -e ${BEGUN} ] && echo yes`)).join() === 'yes';
  });
  const env = [{ name: 'VERSION', value: 'two' }];
  lab.cluster.store.patch('deployments', DEPLOYMENT, {
    type: 'strategic',
    body: { spec: { template: { spec: { containers: [{ name: 'main', env }] } } } },
  });
  await rolledOut();
  await eventually(
    'the old pods are gone',
    async () => (await lab.cluster.list('pods', NAMESPACE)).length === WANTED + 2,
  );
  await lab.cluster.exec(NAMESPACE, 'client', ['touch', OVER]);
  const answers = await asking;
  await lab.cluster.exec(NAMESPACE, 'client', ['rm', OVER, BEGUN]);
  expect(new Set(answers)).toEqual(new Set(['version one', 'version two']));
  expect(new Set(answers.slice(-20))).toEqual(new Set(['version two']));
  expect(await asked('stranger', ask)).toEqual(['failed']);
  const endpoints = await lab.cluster.get({ resource: 'endpoints', namespace: NAMESPACE, name: 'web' });
  expect(listAt(endpoints, 'subsets', 0, 'addresses')).toHaveLength(WANTED);
  const after = (await lab.cluster.list('pods', NAMESPACE)).map((pod) => pod.metadata.name);
  expect(after.filter((name) => before.includes(name))).toEqual(['client', 'stranger']);

  lab.cluster.store.delete('deployments', DEPLOYMENT);
  await eventually('its pods are gone', async () => (await lab.cluster.list('pods', NAMESPACE)).length === 2);
});
