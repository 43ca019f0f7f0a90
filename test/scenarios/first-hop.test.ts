import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentLab, type LabPod } from './agent-lab.ts';

const ROUTER = '172.18.0.1';

/** What a pod finds out about the way to the world, by real tools. */
describe.each([
  ['under the address of the node', true],
  ['under its own address', false],
])('the way of a pod to the world, %s', (_how, enableMasquerade) => {
  const lab = new AgentLab();
  let pod: LabPod;

  beforeAll(async () => {
    await lab.up();
    await lab.startAgent({ enableMasquerade });
    pod = await lab.addPod('walker', { app: 'walker' });
    await lab.inWorld('ip', 'route', 'replace', '10.244.1.0/24', 'via', '172.18.0.2');
  });
  afterAll(async () => {
    await lab.down();
  });

  it('begins at the node: a time to live of one ends there, and the pod is told', async () => {
    const ping = async (hops: number): Promise<string> =>
      await lab.inPod(pod, 'ping', '-n', '-c', '1', '-W', '1', '-t', `${hops}`, ROUTER);
    await expect
      .poll(async () => await ping(1))
      .toMatch(/From 172\.18\.0\.2 .*Time to live exceeded|From 169\.254\.1\.1 .*Time to live exceeded/);
    await expect.poll(async () => await ping(2)).toContain('1 received');
  });

  it('lets datagrams in fragments through, both ways', async () => {
    const said = await lab.inPod(pod, 'ping', '-n', '-c', '5', '-i', '0.05', '-W', '30', '-s', '4000', ROUTER);
    expect(said).toContain('5 received');
  });
});
