import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { run } from '../../../src/sandbox/machine/command.ts';
import { inNetnsArgv } from '../../../src/sandbox/machine/netns.ts';
import { useLab } from './lab.ts';
import { type Load, load, repeatedSyns, sum } from './load.ts';
import type { Scene } from './scene.ts';
import { nameIn } from './talker.ts';

const lab = useLab();
const PORTS = [{ port: 80, targetPort: 8080 }];
/** `MEMBRANE_RESTARTS=100` for the long run. */
const RESTARTS = Number(process.env['MEMBRANE_RESTARTS'] ?? 5);
const DOWN_MS = 100;
/** Loads run in turns, side by side with the same load to a pod itself. */
const TURN_SECONDS = 8;
const PATIENCE_MS = 60_000 + RESTARTS * 10_000;
/** How often the slices of the service change that is never at rest. */
const CHURN_MS = 15;

/** Changes who serves all the time, so that an agent is killed in the midst of every kind of write. */
async function churn(scene: Scene, addresses: readonly string[], signal: AbortSignal): Promise<number> {
  const [a = '', b = ''] = addresses;
  const states = [[a], [a, b], [b], [b, a]].map((all) => all.map((address) => ({ addresses: [address] })));
  let changes = 0;
  while (!signal.aborted) {
    await scene.slice('churn-1', 'churn', states[changes % states.length] ?? [], [{ port: 8080, protocol: 'TCP' }]);
    changes += 1;
    await sleep(CHURN_MS);
  }
  return changes;
}

it(
  `${RESTARTS} restarts of the agent under load cost no connection through a service that its pod would not have lost`,
  async () => {
    const scene = await lab.scene();
    const [web, churning, , addresses] = await Promise.all([
      scene.service('web', { ports: PORTS }),
      scene.service('churn', { selector: null, ports: PORTS }),
      scene.pods(['client', 'control'], 'none'),
      scene.pods(['a', 'b'], 'web'),
    ]);
    await scene.served('web', 2);
    const over = new AbortController();
    const changing = churn(scene, addresses, over.signal);
    await scene.answeredBy('client', `${churning.clusterIP}:80`, ['a', 'b']);
    const loads = { web: [] as Load[], churn: [] as Load[], pod: [] as Load[] };
    const loading = (async () => {
      while (!over.signal.aborted) {
        const [service, changed, pod] = await Promise.all([
          load(scene, 'client', `${web.clusterIP}:80`, TURN_SECONDS),
          load(scene, 'client', `${churning.clusterIP}:80`, TURN_SECONDS),
          load(scene, 'control', `${addresses[0]}:8080`, TURN_SECONDS),
        ]);
        loads.web.push(service);
        loads.churn.push(changed);
        loads.pod.push(pod);
      }
    })();
    for (let round = 0; round < RESTARTS; round += 1) {
      await lab.cluster.killAgent('node-1', 'SIGKILL');
      await sleep(DOWN_MS);
      await lab.cluster.startAgent('node-1');
      await lab.agentReady();
      // The new one has taken everything over and changes services again.
      const name = `late-${round}`;
      await scene.service(name, { selector: { app: 'web' }, ports: PORTS });
      await scene.served(name, 2);
      await scene.remove('services', name);
    }
    over.abort();
    await loading;
    const [service, changed, pod] = [sum(loads.web), sum(loads.churn), sum(loads.pod)];
    const seconds = TURN_SECONDS * loads.pod.length;
    const rows = Object.entries({ service, changed, pod }).map(
      ([name, { requests, failed, says }]) => `${name} ${Math.round(requests / seconds)}/s, failed ${failed} ${says}`,
    );
    const [repeated, repeatedToPod] = await Promise.all(['client', 'control'].map((name) => repeatedSyns(scene, name)));
    rows.push(`SYNs repeated ${repeated}, to the pod ${repeatedToPod}`);
    console.info(`${RESTARTS} restarts, ${await changing} changes in ${seconds} s: ${rows.join('; ')}`);
    // However busy the machine is: enough that some are under way whenever an agent dies.
    for (const { requests } of [service, changed, pod]) expect(requests).toBeGreaterThan(10 * seconds);
    expect(service.failed, service.says).toBeLessThanOrEqual(pod.failed);
    expect(changed.failed, changed.says).toBeLessThanOrEqual(pod.failed);
    expect(repeated).toBeLessThanOrEqual(repeatedToPod ?? 0);
  },
  PATIENCE_MS,
);

it('what changed while there was no agent is put right by the next', async () => {
  const scene = await lab.scene();
  const [web, gone, moved] = await Promise.all([
    scene.service('web', { type: 'NodePort', ports: PORTS }),
    scene.service('gone', { selector: { app: 'web' }, ports: PORTS }),
    scene.service('moved', { selector: { app: 'web' }, type: 'NodePort', ports: PORTS }),
    scene.pod('client'),
    scene.pods(['a'], 'web'),
  ]);
  await scene.served('web', 1);
  await scene.answeredBy('client', `${gone.clusterIP}:80`, ['a']);
  const tcp = await scene.talker('client', 'tcp', web.clusterIP, 80);
  expect(nameIn(await tcp.ask())).toBe('a');
  const b = await scene.pod('b', { serves: ['tcp:8080'] });
  await lab.cluster.killAgent('node-1', 'SIGKILL');
  // Without a word to those who talk to it.
  await run(
    inNetnsArgv((await lab.cluster.netnsOf(scene.namespace, 'a')) ?? '', ['ip', 'link', 'set', 'eth0', 'down']),
  );
  await scene.remove('services', 'gone');
  const { nodePort } = await scene.patch('moved', { ports: [{ ...PORTS[0], nodePort: 32_100 }] });
  await scene.patch('web', { selector: null });
  // What was written for its pods is the service's own from here on, and would be mirrored.
  await scene.remove('endpoints', 'web');
  await scene.slice('web-b', 'web', [{ addresses: [b] }], [{ port: 8080, protocol: 'TCP' }]);
  for (const slice of await lab.cluster.list('endpointslices', scene.namespace)) {
    if (slice.metadata.name !== 'web-b') await scene.remove('endpointslices', slice.metadata.name);
  }
  await scene.remove('pods', 'a');
  await lab.cluster.startAgent('node-1');
  await lab.agentReady();
  for (const place of ['client', 'node']) await scene.answeredBy(place, `${web.clusterIP}:80`, ['b']);
  await scene.answeredBy('world', `${lab.node.ip}:${web.nodePort}`, ['b']);
  expect(await tcp.next()).toBe('error ECONNABORTED');
  await scene.refused('client', `${lab.node.ip}:${nodePort}`);
  await scene.unanswered('client', `${gone.clusterIP}:80`);
  await scene.unanswered('client', `${lab.node.ip}:${moved.nodePort}`);
  expect((await scene.view('moved'))?.frontends.map(({ port }) => port).toSorted()).toEqual([32_100, 80]);
});
