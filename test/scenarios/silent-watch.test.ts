import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentLab, eventually, type LabPod, networkPolicy, POLICIES } from './agent-lab.ts';

/** A firewall that forgets connections, a proxy that hangs, a server that was unplugged: nothing closes the connection. */
describe('an API server that falls silent', () => {
  const lab = new AgentLab();
  let client: LabPod;
  let server: LabPod;

  beforeAll(async () => {
    await lab.up();
    await lab.startAgent({ watchSeconds: 1 });
    client = await lab.addPod('client', { app: 'client' });
    server = await lab.addPod('server', { app: 'server' });
  });
  afterAll(async () => {
    await lab.down();
  });

  async function apiChecks() {
    const checks = (await lab.admin().status()).checks.filter(({ name }) => name.startsWith('api '));
    expect(checks.map(({ name }) => name)).toContain('api NetworkPolicy');
    return checks;
  }

  it('says when it was last heard of', async () => {
    await expect
      .poll(async () => (await apiChecks()).map(({ ok, detail }) => `${ok}: ${detail}`.replaceAll(/\d+/g, 'N')))
      .toSatisfy((said: string[]) => said.every((one) => one === 'true: N objects, last heard of N s ago'));
  });

  it('costs a new policy no more than the bound when its connections are dead', async () => {
    await lab.reaches(client, server.ip);
    lab.freezeApi(false);
    await lab.apply(POLICIES, networkPolicy('deny', { podSelector: { matchLabels: { app: 'server' } } }));
    await eventually('the new policy is in force', async () => !(await lab.ping(client, server.ip)));
  });

  it('is a problem that status and metrics say, until it is back', async () => {
    lab.freezeApi(true);
    await eventually('every kind is a problem', async () => (await apiChecks()).every(({ ok }) => !ok));
    const [first] = await apiChecks();
    expect(first?.detail).toMatch(/(E_KUBE_|did not answer|fell silent|nothing was heard).*last heard of \d+ s ago$/s);
    await expect
      .poll(async () => await lab.metric('membrane_kube_silence_seconds{kind="NetworkPolicy"}'))
      .toBeGreaterThan(5);
    lab.freezeApi(false);
    lab.connectApi(false);
    lab.connectApi(true);
    await eventually('every kind is heard of again', async () => (await apiChecks()).every(({ ok }) => ok));
  });
});
