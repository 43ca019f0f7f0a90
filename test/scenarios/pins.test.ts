/** Pins that somebody removes, while the agent is away or under it: it finds out by looking, and puts them back. */
import { existsSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/api/index.ts';
import type { MapName } from '../../src/datapath/index.ts';
import { mapPin } from '../../src/datapath/maps/map-set.ts';
import { AgentLab, eventually, type LabPod, networkPolicy, POLICIES } from './agent-lab.ts';

const onlyFrontend = networkPolicy('backend', {
  podSelector: { matchLabels: { app: 'backend' } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app: 'frontend' } } }] }],
});

describe('an agent whose pins are removed', () => {
  const lab = new AgentLab();
  let backend: LabPod;
  let frontend: LabPod;
  let other: LabPod;

  const holds = async (): Promise<void> => {
    await eventually('allowed passes', () => lab.ping(frontend, backend.ip));
    expect(await lab.ping(other, backend.ip)).toBe(false);
    await lab.reaches(backend, '172.18.0.1');
  };
  const problems = async (): Promise<Finding[]> =>
    (await lab.admin().doctor()).findings.filter(({ check, severity }) => check === 'datapath' && severity !== 'ok');

  beforeAll(async () => {
    await lab.up();
    await lab.startAgent();
    await lab.apply(POLICIES, onlyFrontend);
    backend = await lab.addPod('backend', { app: 'backend' });
    frontend = await lab.addPod('frontend', { app: 'frontend' });
    other = await lab.addPod('other', { app: 'other' });
    await holds();
  });
  afterAll(async () => {
    await lab.down();
  });

  it.each([
    ['all pins', () => lab.pinDir],
    ['the maps', () => `${lab.pinDir}/maps`],
    ['the judges', () => pinOf('judges')],
    ['the policy map', () => pinOf('policy')],
    ['the words', () => pinOf('endpoint_words')],
    ['conntrack', () => pinOf('conntrack')],
    ['the links', () => `${lab.pinDir}/links`],
  ])('works again after %s were removed while it was away', async (_, path) => {
    const target = path();
    await lab.stopAgent('SIGKILL');
    expect(existsSync(target)).toBe(true);
    rmSync(target, { recursive: true });
    await lab.startAgent();
    await holds();
    const late = await lab.addPod('late', { app: 'frontend' });
    await eventually('a new pod is served', () => lab.ping(late, backend.ip));
    await lab.removePod(late);
    await expect.poll(problems).toEqual([]);
  });

  it.each([
    ['all pins', () => lab.pinDir],
    ['the maps', () => `${lab.pinDir}/maps`],
    ['the links', () => `${lab.pinDir}/links`],
  ])('does not let go of a pod when %s are removed while it runs', async (_, path) => {
    const repairs = async () => await lab.metric('membrane_datapath_repairs_total');
    const before = await repairs();
    rmSync(path(), { recursive: true });
    expect(await lab.ping(other, backend.ip)).toBe(false);
    // It may have put them back before anybody asks.
    await eventually('it is found', async () => (await problems()).length > 0 || (await repairs()) > before);
    await eventually('they are put back', async () => (await problems()).length === 0);
    await lab.stopAgent('SIGKILL');
    await holds();
    await lab.startAgent();
    await holds();
  });

  function pinOf(map: MapName): string {
    return mapPin(`${lab.pinDir}/maps`, map);
  }
});
