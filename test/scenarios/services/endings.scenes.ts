import { describe, expect, it } from 'vitest';
import { run } from '../../../src/sandbox/machine/command.ts';
import { inNetnsArgv } from '../../../src/sandbox/machine/netns.ts';
import { eventually } from './eventually.ts';
import { distinct, type Scene } from './scene.ts';
import { lab } from './shared-lab.ts';
import { nameIn, type Talker } from './talker.ts';

const PORTS = [{ port: 80, targetPort: 8080 }];
const UDP_PORTS = [{ port: 53, targetPort: 5300, protocol: 'UDP' }];

const external = (port: number): string => `${lab.node.ip}:${port}`;

/** Asks on one socket until the answer is one that is wanted; all answers. */
async function askUntil(ask: () => Promise<string>, wanted: (answer: string) => boolean): Promise<string[]> {
  const answers: string[] = [];
  await eventually(`an answer as wanted, not ${answers.join(', ')}`, async () => {
    const answer = await ask();
    answers.push(answer);
    return wanted(answer);
  });
  return answers;
}

describe('pods on their way out (KEP-1669)', () => {
  it.each([
    ['Cluster', {}],
    ['Local', { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' }],
  ])('get nothing new while others are ready, and serve when nobody else does: %s', async (_policy, policies) => {
    const scene = await lab.scene();
    const [{ clusterIP, nodePort }] = await Promise.all([
      scene.service('web', { type: 'NodePort', ...policies, ports: PORTS }),
      scene.pod('client'),
      // Long enough for all that is looked at here; closing the scene ends them at once.
      scene.pods(['a', 'b', 'c'], 'web', { graceSeconds: 60, env: { DRAIN_MS: '60000' } }),
    ]);
    await scene.served('web', 3);
    const targets = [
      ['client', `${clusterIP}:80`],
      ['node', `${clusterIP}:80`],
      ['world', external(nodePort)],
    ] as const;
    await scene.remove('pods', 'a', 60);
    await scene.served('web', 2);
    for (const [place, target] of targets) await scene.answeredBy(place, target, ['b', 'c']);
    expect((await scene.view('web'))?.backends.map(({ state }) => state).toSorted()).toEqual([
      'draining',
      'ready',
      'ready',
    ]);
    await scene.remove('pods', 'b', 60);
    await scene.remove('pods', 'c', 60);
    await scene.served('web', 0);
    for (const [place, target] of targets) await scene.answeredBy(place, target, ['a', 'b', 'c']);
    expect((await scene.view('web'))?.backends.map(({ state }) => state)).toEqual(Array(3).fill('draining-used'));
    // One that is ready takes it all again.
    await scene.pods(['d'], 'web');
    for (const [place, target] of targets) await scene.answeredBy(place, target, ['d']);
  });

  it('finish the connections that they have', async () => {
    const scene = await lab.scene();
    const [{ clusterIP }] = await Promise.all([
      scene.service('web', { ports: PORTS }),
      scene.pod('client'),
      scene.pods(['a'], 'web', { graceSeconds: 60, env: { DRAIN_MS: '60000' } }),
    ]);
    await scene.served('web', 1);
    const talker = await scene.talker('client', 'tcp', clusterIP, 80);
    expect(nameIn(await talker.ask())).toBe('a');
    await scene.pods(['b'], 'web');
    await scene.remove('pods', 'a', 60);
    await scene.answeredBy('client', `${clusterIP}:80`, ['b']);
    // Longer than the agent needs to look for stale sockets.
    expect(await talker.next(1_500)).toBe('silence');
    expect(nameIn(await talker.ask())).toBe('a');
  });
});

describe('TCP connections', () => {
  it('to a pod that vanished without a word are ended', async () => {
    const scene = await lab.scene();
    const [{ clusterIP }] = await Promise.all([
      scene.service('web', { ports: PORTS }),
      scene.pod('client'),
      scene.pods(['a'], 'web'),
    ]);
    await scene.served('web', 1);
    const talkers = await Promise.all(['client', 'node'].map((place) => scene.talker(place, 'tcp', clusterIP, 80)));
    for (const talker of talkers) expect(nameIn(await talker.ask())).toBe('a');
    const netns = (await lab.cluster.netnsOf(scene.namespace, 'a')) ?? '';
    // Its kernel cannot say that the process has ended.
    await run(inNetnsArgv(netns, ['ip', 'link', 'set', 'eth0', 'down']));
    await scene.remove('pods', 'a');
    for (const talker of talkers) expect(await talker.next()).toBe('error ECONNABORTED');
  });

  it('to a pod that merely left the service go on', async () => {
    const scene = await lab.scene();
    const [{ clusterIP }] = await Promise.all([
      scene.service('web', { ports: PORTS }),
      scene.pod('client'),
      scene.pods(['a', 'b'], 'web'),
    ]);
    await scene.served('web', 2);
    const talkers: Talker[] = [];
    const names: string[] = [];
    // Who answers is chance: until both have somebody.
    while (distinct(names).length < 2 && names.length < 64) {
      const talker = await scene.talker('client', 'tcp', clusterIP, 80);
      talkers.push(talker);
      names.push(nameIn(await talker.ask()));
    }
    expect(distinct(names)).toEqual(['a', 'b']);
    const ref = { resource: 'pods', namespace: scene.namespace, name: 'a' };
    await lab.cluster.patch(ref, { metadata: { labels: { app: 'retired' } } });
    await scene.answeredBy('client', `${clusterIP}:80`, ['b']);
    expect(await talkers[0]?.next(1_500)).toBe('silence');
    expect(await Promise.all(talkers.map(async (talker) => nameIn(await talker.ask())))).toEqual(names);
  });
});

describe('a UDP endpoint that is replaced', () => {
  async function replaced(scene: Scene, spec: Record<string, unknown> = {}) {
    const [service] = await Promise.all([
      scene.service('dns', { ports: UDP_PORTS, ...spec }),
      scene.pod('client'),
      scene.pod('a', { serves: ['udp:5300'], labels: { app: 'dns' } }),
    ]);
    await scene.served('dns', 1);
    const replace = async (from: string, to: string): Promise<void> => {
      await scene.pod(to, { serves: ['udp:5300'], labels: { app: 'dns' } });
      await scene.served('dns', 2);
      await scene.remove('pods', from);
    };
    return { service, replace };
  }

  it.each(['client', 'node'])('is taken by a socket of %s that goes on to name the service', async (place) => {
    const scene = await lab.scene();
    const { service, replace } = await replaced(scene);
    const talker = await scene.talker(place, 'udp', service.clusterIP, 53);
    const own = `from ${service.clusterIP}:53`;
    await askUntil(
      () => talker.ask(200),
      (answer) => nameIn(answer) === 'a' && answer.endsWith(own),
    );
    await replace('a', 'b');
    const ask = () => talker.ask(200);
    const answers = await askUntil(ask, (answer) => nameIn(answer) === 'b' && answer.endsWith(own));
    expect(answers.filter((answer) => answer.startsWith('error'))).toEqual([]);
    await replace('b', 'c');
    await askUntil(ask, (answer) => nameIn(answer) === 'c' && answer.endsWith(own));
  });

  it.each(['client', 'node'])('ends a connected socket of %s, and a new one is served', async (place) => {
    const scene = await lab.scene();
    const { service, replace } = await replaced(scene);
    const connected = async () => await scene.talker(place, 'udp-connected', service.clusterIP, 53);
    const talker = await connected();
    await askUntil(
      () => talker.ask(200),
      (answer) => nameIn(answer) === 'a',
    );
    await replace('a', 'b');
    // Without another word of the client's; an answer that came late is still to be read.
    let said = await talker.next();
    while (nameIn(said) === 'a') said = await talker.next();
    expect(said).toBe('error ECONNABORTED');
    expect(nameIn(await (await connected()).ask())).toBe('b');
  });

  it('is taken by a client of the world that keeps its port', async () => {
    const scene = await lab.scene();
    const { service, replace } = await replaced(scene, { type: 'NodePort' });
    const talker = await scene.talker('world', 'udp', lab.node.ip, service.nodePort);
    const own = `from ${lab.node.ip}:${service.nodePort}`;
    const ask = () => talker.ask(200);
    await askUntil(ask, (answer) => nameIn(answer) === 'a' && answer.endsWith(own));
    await replace('a', 'b');
    await askUntil(ask, (answer) => nameIn(answer) === 'b' && answer.endsWith(own));
  });
});

describe('a UDP endpoint that becomes ready', () => {
  it.each(['client', 'node', 'world'])('serves a socket of %s that asked before', async (place) => {
    const scene = await lab.scene();
    const [service] = await Promise.all([
      scene.service('dns', { type: 'NodePort', ports: UDP_PORTS }),
      scene.pod('client'),
    ]);
    await scene.served('dns', 0);
    const talker = await scene.talker(place, 'udp', lab.node.ip, service.nodePort);
    for (let i = 0; i < 5; i += 1) {
      if (place === 'world') expect(await talker.ask(100)).toBe('silence');
      else expect(await talker.ask()).toBe('error ECONNREFUSED');
    }
    await scene.pod('a', { serves: ['udp:5300'], labels: { app: 'dns' } });
    await askUntil(
      () => talker.ask(200),
      (answer) => nameIn(answer) === 'a',
    );
  });
});

describe('the last endpoint of a service', () => {
  it('leaves refusals behind', async () => {
    const scene = await lab.scene();
    const [{ clusterIP }] = await Promise.all([
      scene.service('web', { ports: PORTS }),
      scene.pod('client'),
      scene.pods(['a'], 'web'),
    ]);
    await scene.served('web', 1);
    await scene.remove('pods', 'a');
    await scene.refused('client', `${clusterIP}:80`);
  });
});
