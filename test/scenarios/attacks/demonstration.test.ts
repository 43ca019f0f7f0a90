import { describe, expect, it } from 'vitest';
import { broken, useSandbox } from './lab.ts';

describe('the demonstration', () => {
  const lab = useSandbox();

  it('lets a frontend reach its own backend on one port, and nobody else', async () => {
    const lines = await lab.lines('reach');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual([
      '1.allowed-a',
      '1.allowed-b',
      '1.other-port',
      '1.other-pod',
      '1.other-tenant',
      '1.other-way',
    ]);
    expect(lines[0]?.decidedBy).toBe('NetworkPolicy tenant-a/only-frontend-may-reach-backend, ingress rule 0');
    expect(lines[2]?.decidedBy).toMatch(/^drop policy-ingress .*only-frontend-may-reach-backend/);
  });

  it('gives agent_of_chaos nothing with the address of a deleted frontend', async () => {
    const lines = await lab.lines('chaos', { rounds: 20 });
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['2.reused-address', '2.hard']);
    expect(lines[1]?.decidedBy).toContain('ct-midstream');
  });

  it('drops every forged frame at its own device for its own reason', async () => {
    const lines = await lab.lines('spoof');
    expect(broken(lines)).toEqual([]);
    expect(lines.length).toBeGreaterThanOrEqual(15);
  });

  it('drops protocols that are not enabled', async () => {
    expect(broken(await lab.lines('disabled'))).toEqual([]);
  });

  it('keeps a pod that is not known shut and opens it by itself', async () => {
    const lines = await lab.lines('unknown');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['5.out', '5.in', '5.opens']);
  });

  it('stops an established connection when a policy or a relabel forbids it', async () => {
    const lines = await lab.lines('revoke');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['6.policy', '6.relabel']);
    for (const line of lines) expect(line.decidedBy).toContain('revoked');
  });

  it('loads only what is used', async () => {
    expect(broken(await lab.lines('footprint'))).toEqual([]);
  });

  it('leaves nothing of an attack behind', async () => {
    const pods = await lab.cluster.list('pods');
    expect(pods.map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`).toSorted()).toEqual(
      ['tenant-a', 'tenant-b'].flatMap((tenant) => ['backend', 'frontend', 'other'].map((name) => `${tenant}/${name}`)),
    );
    const policies = await lab.cluster.list('networkpolicies');
    expect(policies.map((policy) => String(policy.metadata.namespace)).toSorted()).toEqual([
      'tenant-a',
      'tenant-a',
      'tenant-b',
      'tenant-b',
    ]);
  });
});
