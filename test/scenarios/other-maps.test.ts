/** Two versions, and two sizes: agents that find maps of another one, with pods that live through it, and back again. */
import { spawn } from 'node:child_process';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAP_SPECS } from '../../src/datapath/gen/layout.ts';
import { objectPin } from '../../src/datapath/kernel/syscall.ts';
import { createMap } from '../../src/datapath/maps/map-set.ts';
import { AgentLab, eventually, type LabPod, networkPolicy, POLICIES } from './agent-lab.ts';
import { TcpSession } from './tcp-session.ts';

const onlyFrontend = networkPolicy('backend', {
  podSelector: { matchLabels: { app: 'backend' } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app: 'frontend' } } }] }],
});

describe('an agent that finds other maps', () => {
  const lab = new AgentLab();
  let backend: LabPod;
  let frontend: LabPod;
  let other: LabPod;
  let session: TcpSession;
  let outside: TcpSession;
  let forbidden: ReturnType<typeof spawn>;
  let answers = '';

  const pins = (): string[] => readdirSync(`${lab.pinDir}/maps`).toSorted();
  const check = async (name: string) => (await lab.admin().status()).checks.find((one) => one.name === name);

  /** Every pod still talks to whom it may, and nobody got through who may not. */
  async function holds({ keeps = true } = {}): Promise<void> {
    for (const connection of keeps ? [session, outside] : []) {
      const before = connection.echoed;
      await eventually('the connection goes on', () => connection.echoed > before + 5);
      expect(connection.isBroken).toBe(false);
    }
    await eventually('allowed passes', () => lab.ping(frontend, backend.ip));
    expect(await lab.ping(other, backend.ip)).toBe(false);
    expect(answers).not.toContain('bytes from');
    await eventually('what runs is what should', async () => (await check('datapath'))?.ok === true);
    await eventually('nothing else is pinned', () => readdirSync(lab.pinDir).toSorted().join() === 'links,maps');
    await eventually('the doctor finds nothing', async () => {
      const { findings } = await lab.admin().doctor();
      return findings.flatMap((one) => (one.check === 'datapath' ? [one.severity] : [])).join() === 'ok';
    });
  }

  async function restart(config: Record<string, unknown> = {}, between: () => void = () => undefined): Promise<void> {
    await lab.stopAgent('SIGKILL');
    between();
    await lab.startAgent(config);
  }

  beforeAll(async () => {
    await lab.up();
    await lab.startAgent();
    await lab.apply(POLICIES, onlyFrontend);
    backend = await lab.addPod('backend', { app: 'backend' });
    frontend = await lab.addPod('frontend', { app: 'frontend' });
    other = await lab.addPod('other', { app: 'other' });
    session = await TcpSession.open({ client: frontend.netns, server: backend.netns, address: backend.ip, port: 8000 });
    outside = await TcpSession.open({ client: frontend.netns, server: lab.world, address: '172.18.0.1', port: 8001 });
    const args = [`--net=/run/netns/${other.netns}`, '--', 'ping', '-n', '-i', '0.005', backend.ip];
    forbidden = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    forbidden.stdout?.on('data', (chunk: Buffer) => {
      answers += chunk.toString();
    });
    await holds();
  });
  afterAll(async () => {
    forbidden.kill('SIGKILL');
    session.close();
    outside.close();
    await lab.down();
  });

  it.each([
    ['larger policy tables', { maps: { policy: 4_194_304 } }],
    ['smaller policy tables', { maps: { policy: 4_096 } }],
    [
      'other sizes everywhere',
      { maps: { policy: 8_192, ipcache: 4_096, conntrack: 16_384, snat: 16_384, events: 65_536, services: 1_024 } },
    ],
    ['the sizes of before', {}],
  ])('goes on with %s', async (_, config) => {
    await restart(config);
    await holds();
  });

  it('goes on after a drop reason was added', async () => {
    await restart({}, () => {
      const pin = `${lab.pinDir}/maps/${pins().find((name) => name.startsWith('counters_'))}`;
      rmSync(pin);
      using older = createMap({ ...MAP_SPECS.counters, maxEntries: MAP_SPECS.counters.maxEntries - 2 });
      objectPin(older, pin);
    });
    await holds();
  });

  it('says which size it cannot have, and goes on with the one that it has', async () => {
    await restart({ maps: { ipcache: 64, endpoints: 64, policy: 64 } });
    await holds();
    await lab.apply(
      POLICIES,
      networkPolicy('many', {
        podSelector: { matchLabels: { app: 'other' } },
        policyTypes: ['Egress'],
        egress: [
          {
            to: [{ podSelector: { matchLabels: { app: 'frontend' } } }],
            ports: Array.from({ length: 20 }, (_, i) => ({ port: 1001 + 2 * i })),
          },
        ],
      }),
    );
    await eventually('there are more rows than there will be room for', async () => {
      const [, ratio] = /^membrane_map_fill_ratio\{map="policy"\} (\S+)$/m.exec(await lab.admin().metrics()) ?? [];
      return Number(ratio) > 16 / 64;
    });
    await restart({ maps: { policy: 16 } });
    await expect
      .poll(async () => await check('datapath'))
      .toMatchObject({ ok: false, detail: expect.stringMatching(/maps\.policy stays at 64/) });
    await lab.reaches(frontend, backend.ip);
    await lab.request('DELETE', `${POLICIES}/many`);
    await restart();
    await holds();
  });

  it('writes all anew for another layout, with maps of its own, while the pods go on as they were', async () => {
    const names = pins();
    await lab.stopAgent('SIGKILL');
    for (const name of names)
      renameSync(`${lab.pinDir}/maps/${name}`, `${lab.pinDir}/maps/${name.replace(/_[0-9a-f]{8}$/, '_00000000')}`);
    const ofAnother = `${lab.pinDir}/maps/unheard-of_00000000`;
    {
      using unknown = createMap(MAP_SPECS.counters);
      objectPin(unknown, ofAnother);
    }
    lab.connectApi(false);
    await lab.startAgent({}, { waitReady: false });
    await expect
      .poll(async () => await check('datapath'))
      .toMatchObject({ ok: false, detail: expect.stringContaining('go on with the old') });
    const before = session.echoed;
    await eventually('connections go on meanwhile', () => session.echoed > before + 5);
    await lab.reaches(frontend, backend.ip);
    expect(await lab.ping(other, backend.ip)).toBe(false);
    lab.connectApi(true);
    await eventually('it is ready', async () => (await lab.admin().status()).ready);
    await holds({ keeps: false });
    expect(pins()).toEqual(names);
    const late = await lab.addPod('late', { app: 'frontend' });
    await eventually('a new pod is served', () => lab.ping(late, backend.ip));
    await lab.removePod(late);
  });

  it.each(['maps_building', 'maps_next'])('goes on from a crash that left %s', async (left) => {
    await restart({ maps: { policy: 8_192 } }, () => {
      if (left === 'maps_next') renameSync(`${lab.pinDir}/maps`, `${lab.pinDir}/maps_next`);
      else renameSync(`${lab.pinDir}/maps`, `${lab.pinDir}/maps_old`);
    });
    await holds({ keeps: false });
  });
});
