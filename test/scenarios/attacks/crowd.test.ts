import { describe, expect, it } from 'vitest';
import { broken, useSandbox } from './lab.ts';

describe('policies that ask for too much', () => {
  const lab = useSandbox({ agentConfig: { policyLimits: { table: 200, namespace: 300 } } });
  const { stage } = lab;
  const SPACE = 'too-much';

  it('cost another tenant nothing', async () => {
    const lines = await lab.lines('crowd');
    expect(broken(lines)).toEqual([]);
    expect(lines.map(({ id, decidedBy }) => [id, decidedBy])).toEqual([
      ['16.deny', expect.stringMatching(/policy-ingress/)],
    ]);
  });

  it('are named where a user looks: on the object, in the list, by trace', async () => {
    await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: SPACE } });
    await stage.startPod({ namespace: SPACE, name: 'client', labels: { role: 'client' } });
    await stage.startPod({ namespace: SPACE, name: 'server', labels: { role: 'server' } });
    const ports = Array.from({ length: 250 }, (_, index) => ({ protocol: 'TCP', port: 1 + 2 * index }));
    const policy = (name: string, ingress: { ports: typeof ports }[]) =>
      stage.apply({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { namespace: SPACE, name },
        spec: { podSelector: { matchLabels: { role: 'server' } }, policyTypes: ['Ingress'], ingress },
      });
    await policy('little', [{ ports: [{ protocol: 'TCP', port: 7000 }] }]);
    await policy('much', [{ ports }]);
    const admin = stage.api;
    const listed = await stage.until('it is refused', async () =>
      (await admin.policies()).find(({ name, state }) => name === 'much' && state === 'refused'),
    );
    expect(listed.detail).toMatch(/NetworkPolicy too-much\/much .*more than 200 rows.*admit nobody/);
    const verdict = async (port: number) =>
      (await admin.trace({ from: `${SPACE}/client`, to: `${SPACE}/server`, protocol: 'TCP', port })).verdict;
    expect([await verdict(7000), await verdict(1)]).toEqual(['allowed', 'denied']);
    expect((await admin.policies()).find(({ name }) => name === 'little')?.state).toBe('applied');
    const event = await stage.until('it stands on the object', async () => {
      const all = await stage.sandbox.list('events');
      return all.find(({ reason }) => reason === 'PolicyTooLarge');
    });
    expect(event).toMatchObject({ involvedObject: { kind: 'NetworkPolicy', name: 'much' }, type: 'Warning' });
  });
});
