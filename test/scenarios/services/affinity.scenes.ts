import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WORLD_ADDRESSES } from '../../../src/sandbox/machine/topology.ts';
import { eventually } from './eventually.ts';
import { distinct, type Scene, type Service } from './scene.ts';
import { lab } from './shared-lab.ts';

const BACKENDS = ['a', 'b', 'c'];

const affinity = (timeoutSeconds = 600) => ({
  sessionAffinity: 'ClientIP',
  sessionAffinityConfig: { clientIP: { timeoutSeconds } },
});

async function affineService(scene: Scene, spec: Record<string, unknown> = affinity()): Promise<Service> {
  const [service] = await Promise.all([
    scene.service('web', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080 }], ...spec }),
    scene.pod('client'),
    scene.pods(BACKENDS, 'web'),
  ]);
  await scene.served('web', 3);
  return service;
}

/** Who answers each client of the world now. */
async function choices(scene: Scene, { nodePort }: Service): Promise<string[]> {
  const target = `${lab.node.ip}:${nodePort}`;
  const answers = await Promise.all(WORLD_ADDRESSES.map((from) => scene.curl('world', target, { from })));
  expect(answers.map(({ code }) => code)).toEqual(WORLD_ADDRESSES.map(() => 0));
  expect(answers.flatMap(({ clients }) => clients)).toEqual(WORLD_ADDRESSES);
  return answers.flatMap(({ names }) => names);
}

describe('session affinity by ClientIP', () => {
  it('keeps a client at one backend, whichever way it comes', async () => {
    const scene = await lab.scene();
    const service = await affineService(scene);
    for (const place of ['client', 'node']) {
      const targets = [`${service.clusterIP}:80`, `${lab.node.ip}:${service.nodePort}`];
      const { names: first } = await scene.curl(place, targets[0] ?? '');
      const answers = await Promise.all(targets.map((target) => scene.curl(place, target, { count: 40 })));
      const names = answers.flatMap((answer) => answer.names);
      expect(names).toHaveLength(80);
      expect(distinct(names), place).toEqual(first);
    }
    expect((await scene.view('web'))?.steering).toEqual(['affinity 600s']);
  });

  it('keeps each client of the world at its own', async () => {
    const scene = await lab.scene();
    const service = await affineService(scene);
    const first = await choices(scene, service);
    expect(distinct(first).length).toBeGreaterThan(1);
    for (let round = 0; round < 3; round += 1) expect(await choices(scene, service)).toEqual(first);
  });

  it('lasts while the client comes back in time, and ends after', async () => {
    const scene = await lab.scene();
    const service = await affineService(scene);
    const trial = Date.now();
    await choices(scene, service);
    // What no client of this machine misses while it is as busy as now.
    const seconds = Math.max(5, Math.ceil((8 * (Date.now() - trial)) / 1_000));
    await scene.patch('web', affinity(seconds));
    const steering = async () => (await scene.view('web'))?.steering.join();
    await expect.poll(steering).toBe(`affinity ${seconds}s`);
    let last = Date.now();
    let first = await choices(scene, service);
    // Until they have come back in time for longer than it lasts; a busy machine may be late for once.
    for (let since = last; last - since <= seconds * 1_000; ) {
      await sleep(1_000);
      const began = Date.now();
      const now = await choices(scene, service);
      const isLate = Date.now() - last >= seconds * 1_000;
      if (isLate) since = began;
      else expect(now).toEqual(first);
      first = now;
      last = began;
    }
    await sleep(seconds * 1_000 + 200);
    expect(await choices(scene, service)).not.toEqual(first);
  });

  it('ends for sockets of a pod and of the node as well', async () => {
    const scene = await lab.scene();
    const service = await affineService(scene, affinity(2));
    for (const place of ['client', 'node']) {
      const target = `${service.clusterIP}:80`;
      const seen = new Set<string>();
      // One client of three backends stays by chance: twenty times in a row it does not.
      for (let round = 0; round < 20 && seen.size < 2; round += 1) {
        const { names } = await scene.curl(place, target, { count: 20 });
        expect(distinct(names)).toHaveLength(1);
        for (const name of names) seen.add(name);
        await sleep(2_100);
      }
      expect(seen.size, place).toBeGreaterThan(1);
    }
  });

  it('is switched on and off while the service lives', async () => {
    const scene = await lab.scene();
    const service = await affineService(scene, {});
    const targets = [
      ['client', `${service.clusterIP}:80`],
      ['world', `${lab.node.ip}:${service.nodePort}`],
    ] as const;
    for (const [place, target] of targets) await scene.answeredBy(place, target, BACKENDS);
    for (let round = 0; round < 2; round += 1) {
      await scene.patch('web', affinity());
      for (const [place, target] of targets) {
        await eventually('the client is kept at one', async () => {
          const { names } = await scene.curl(place, target, { count: 40 });
          return distinct(names).length === 1 && names.length === 40;
        });
      }
      await scene.patch('web', { sessionAffinity: 'None', sessionAffinityConfig: null });
      for (const [place, target] of targets) await scene.answeredBy(place, target, BACKENDS);
    }
  });

  it('finds another backend when its own is gone, and stays there', async () => {
    const scene = await lab.scene();
    const service = await affineService(scene);
    const target = `${service.clusterIP}:80`;
    const [first = ''] = (await scene.curl('client', target)).names;
    const [outside = ''] = (await scene.curl('world', `${lab.node.ip}:${service.nodePort}`)).names;
    for (const name of distinct([first, outside])) await scene.remove('pods', name);
    await scene.served('web', 3 - distinct([first, outside]).length);
    for (const [place, address] of [
      ['client', target],
      ['world', `${lab.node.ip}:${service.nodePort}`],
    ] as const) {
      const { names } = await scene.curl(place, address, { count: 20 });
      expect(names, place).toHaveLength(20);
      expect(distinct(names), place).toHaveLength(1);
      expect([first, outside]).not.toContain(names[0]);
    }
  });

  it('is a service’s own: two services with the same backends choose apart', async () => {
    const scene = await lab.scene();
    const service = await affineService(scene);
    const other = await scene.service('other', {
      type: 'NodePort',
      selector: { app: 'web' },
      ports: [{ port: 80, targetPort: 8080 }],
      ...affinity(),
    });
    await scene.served('other', 3);
    expect(await choices(scene, other)).not.toEqual(await choices(scene, service));
  });
});
