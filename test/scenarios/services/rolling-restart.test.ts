import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { useLab } from './lab.ts';
import { load, repeatedSyns } from './load.ts';
import type { Scene } from './scene.ts';

const lab = useLab();
const REPLICAS = 3;
const SECONDS = 20;

/**
 * Ends as an orderly server does: it goes on accepting for a while after it was told, and only then stops. For long enough
 * that a busy machine has heard of it by then.
 */
const ORDERLY = { graceSeconds: 20, env: { DRAIN_MS: '5000' } };

/** One round of what a Deployment does: a new pod, ready, then an old one less, until all are new. */
async function roll(scene: Scene, old: readonly string[], fresh: readonly string[]): Promise<void> {
  for (const [index, name] of fresh.entries()) {
    await scene.pods([name], 'web', ORDERLY);
    await scene.remove('pods', old[index] ?? '', ORDERLY.graceSeconds);
  }
}

it('a rolling restart under load loses no request, through ClusterIP and NodePort', async () => {
  const scene = await lab.scene();
  const names = (round: number): string[] => Array.from({ length: REPLICAS }, (_, i) => `web-${round}-${i}`);
  const [{ clusterIP, nodePort }] = await Promise.all([
    scene.service('web', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080 }] }),
    scene.pod('client'),
    scene.pods(names(0), 'web', ORDERLY),
  ]);
  await scene.served('web', REPLICAS);
  const loading = Promise.all([
    load(scene, 'client', `${clusterIP}:80`, SECONDS),
    load(scene, 'world', `${lab.node.ip}:${nodePort}`, SECONDS),
  ]);
  let isOver = false;
  const over = loading.finally(() => {
    isOver = true;
  });
  let rounds = 0;
  while (!isOver) {
    await roll(scene, names(rounds), names(rounds + 1));
    rounds += 1;
  }
  const [inside, outside] = await over;
  const repeated = await repeatedSyns(scene, 'client');
  console.info(
    `${rounds} rounds; inside ${inside.requests}, outside ${outside.requests} requests; ${repeated} SYNs repeated inside`,
  );
  expect(rounds).toBeGreaterThanOrEqual(2);
  expect(inside.requests).toBeGreaterThan(200);
  expect(outside.requests).toBeGreaterThan(200);
  expect({ inside: inside.says, outside: outside.says }).toEqual({ inside: '', outside: '' });
  // That a server which just ends does lose requests shows that the load would notice.
  const [crude] = await Promise.all([
    load(scene, 'client', `${clusterIP}:80`, 4),
    (async () => {
      await sleep(1_000);
      for (const name of names(rounds)) await scene.remove('pods', name, 0);
    })(),
  ]);
  expect(crude.failed).toBeGreaterThan(0);
});

it('costs UDP clients that keep their socket no answer', async () => {
  const scene = await lab.scene();
  const orderly = { ...ORDERLY, serves: ['udp:8080', 'tcp:8080'] };
  const names = (round: number): string[] => Array.from({ length: 2 }, (_, i) => `dns-${round}-${i}`);
  const [{ clusterIP, nodePort }] = await Promise.all([
    scene.service('dns', { type: 'NodePort', ports: [{ port: 53, targetPort: 8080, protocol: 'UDP' }] }),
    scene.pod('client'),
    scene.pods(names(0), 'dns', orderly),
  ]);
  await scene.served('dns', 2);
  const restarting = (async () => {
    for (let round = 0; round < 2; round += 1) {
      for (const [index, name] of names(round + 1).entries()) {
        await scene.pods([name], 'dns', orderly);
        await scene.served('dns', 3);
        await scene.remove('pods', names(round)[index] ?? '', ORDERLY.graceSeconds);
        await scene.served('dns', 2);
      }
    }
    // One that ends serves those that it has for as long as it is there.
    for (const name of [...names(0), ...names(1)]) await lab.cluster.waitGone(scene.namespace, name);
  })();
  const asked = await Promise.all([
    scene.asks('client', clusterIP, 53, restarting),
    scene.asks('node', '127.0.0.1', nodePort, restarting),
    scene.asks('world', lab.node.ip, nodePort, restarting),
  ]);
  for (const [index, { sent, answered, failed, strange, names: seen }] of asked.entries()) {
    expect(sent).toBeGreaterThan(200);
    const found = `${['client', 'node', 'world'][index]}: ${JSON.stringify(asked[index])}`;
    expect({ answered, failed, strange }, found).toEqual({ answered: sent, failed: 0, strange: 0 });
    // Whoever came while the first were ending met none of them; what it began with is gone all the same.
    expect(seen.length).toBeGreaterThanOrEqual(2);
  }
});
