import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { useLab } from './lab.ts';
import type { Scene } from './scene.ts';

// One namespace may have 64 frontends and 128 backends, one Service half of that.
const lab = useLab({ agentConfig: { maps: { services: 256, service_slots: 512, backends: 512 } } });
const PORTS = [{ port: 80, targetPort: 8080 }];

async function bystander(scene: Scene): Promise<string> {
  const [{ clusterIP }] = await Promise.all([
    scene.service('good', { ports: PORTS }),
    scene.pod('client'),
    scene.pods(['a', 'b'], 'good'),
  ]);
  await scene.served('good', 2);
  return `${clusterIP}:80`;
}

async function refused(scene: Scene, name: string, reason: string): Promise<void> {
  await eventually(`${name} is refused`, async () => (await scene.view(name))?.state === 'refused');
  expect((await scene.view(name))?.problems.map(({ reason }) => reason)).toEqual([reason]);
  await eventually('an event says so', async () => (await scene.events(name)).join().includes(`${reason}: `));
  const { checks } = await lab.api.status();
  expect(checks.find((check) => check.name === 'services')).toMatchObject({
    ok: false,
    detail: expect.stringContaining(`service ${scene.namespace}/`) as string,
  });
}

/** More backends than the map has, down to the last: one by one in the end. */
async function fill(scene: Scene): Promise<void> {
  const sides = [...Array.from({ length: 7 }, () => 8), 4, 4, 4, ...Array.from({ length: 16 }, () => 1)];
  for (const [i, side] of sides.entries()) {
    const ports = Array.from({ length: side }, (_, n) => ({ name: `p${n}`, port: 1 + n }));
    const endpoints = Array.from({ length: side }, (_, n) => ({ addresses: [`10.250.${i}.${n + 1}`] }));
    await scene.service(`fill-${i}`, { selector: null, ports });
    await scene.slice(`fill-${i}`, `fill-${i}`, endpoints, ports);
  }
}

describe('maps without room', () => {
  it('of one namespace’s making: another’s Service follows its pods, and nobody else answers for it', async () => {
    const victim = await lab.scene();
    const target = await bystander(victim);
    const attacker = await lab.scene();
    await fill(attacker);
    await eventually('it is decided about all', async () => (await attacker.view('fill-25'))?.state !== 'pending');
    await victim.remove('pods', 'a');
    await victim.pods(['c'], 'good');
    await victim.answeredBy('client', target, ['b', 'c']);
    const { clusterIP } = await victim.service('late', { selector: { app: 'good' }, ports: PORTS });
    await victim.answeredBy('client', `${clusterIP}:80`, ['b', 'c']);
    await refused(attacker, 'fill-2', 'NamespaceShareFull');
    expect(await lab.mapRows('backends')).toBeLessThan(160);
  });

  it('for the backends of one service: it is refused whole, others are served and still change', async () => {
    const scene = await lab.scene();
    const target = await bystander(scene);
    const a = await scene.podIp('a');
    const { clusterIP } = await scene.service('large', { selector: null, ports: PORTS });
    await scene.slice('large-1', 'large', [{ addresses: [a] }], [{ port: 8080 }]);
    await scene.answeredBy('client', `${clusterIP}:80`, ['a']);
    const many = Array.from({ length: 100 }, (_, i) => ({ addresses: [`10.250.0.${i + 1}`] }));
    await scene.slice('large-1', 'large', many, [{ port: 8080 }]);
    await refused(scene, 'large', 'ServiceTooLarge');
    // What is not its own any more does not answer for it.
    await scene.refused('client', `${clusterIP}:80`);
    await scene.answeredBy('client', target, ['a', 'b']);
    await scene.pods(['c'], 'good');
    await scene.answeredBy('client', target, ['a', 'b', 'c']);
    const late = await scene.service('late', { selector: { app: 'good' }, ports: PORTS });
    await scene.answeredBy('client', `${late.clusterIP}:80`, ['a', 'b', 'c']);
    // A restart does not make it worse.
    await lab.cluster.killAgent('node-1', 'SIGKILL');
    await lab.cluster.startAgent('node-1');
    await lab.agentReady();
    await refused(scene, 'large', 'ServiceTooLarge');
    await scene.answeredBy('client', target, ['a', 'b', 'c']);
    await scene.slice('large-1', 'large', [{ addresses: [await scene.podIp('b')] }], [{ port: 8080 }]);
    await scene.answeredBy('client', `${clusterIP}:80`, ['b']);
    expect(await scene.view('large')).toMatchObject({ state: 'applied', problems: [] });
  });

  it('for frontends: what came first is served, what has no room says so, and gets in when there is some', async () => {
    const scene = await lab.scene();
    const target = await bystander(scene);
    // Three frontends each: more than fit.
    const names = Array.from({ length: 30 }, (_, i) => `extra-${i}`);
    for (const name of names) {
      await scene.service(name, { type: 'NodePort', selector: { app: 'good' }, ports: PORTS });
    }
    const states = async () => {
      const list = (await lab.api.services()).items.filter(({ name }) => names.includes(name));
      return {
        applied: list.filter(({ state }) => state === 'applied'),
        refused: list.filter(({ state }) => state === 'refused'),
      };
    };
    await eventually('all are decided', async () => {
      const { applied, refused: without } = await states();
      return applied.length + without.length === names.length && without.length > 0;
    });
    const { applied, refused: without } = await states();
    expect(applied.length).toBeGreaterThan(10);
    const [last] = without;
    await refused(scene, last?.name ?? '', 'NamespaceShareFull');
    for (const { frontends } of applied.slice(0, 3)) {
      await scene.answeredBy('client', `${frontends[0]?.address}:80`, ['a', 'b']);
    }
    await scene.answeredBy('client', target, ['a', 'b']);
    for (const { name } of applied) await scene.remove('services', name);
    const { clusterIP } = await scene.read(last?.name ?? '');
    await scene.answeredBy('client', `${clusterIP}:80`, ['a', 'b']);
  });
});
