import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentLab, eventually, networkPolicy, POLICIES } from './agent-lab.ts';

describe('an agent on a node', () => {
  const lab = new AgentLab();
  beforeAll(async () => {
    await lab.up();
    await lab.startAgent();
  });
  afterAll(async () => {
    await lab.down();
  });

  it('lets only the frontend reach the backend', async () => {
    await lab.apply(
      POLICIES,
      networkPolicy('backend', {
        podSelector: { matchLabels: { app: 'backend' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: 'frontend' } } }] }],
      }),
    );
    const backend = await lab.addPod('backend', { app: 'backend' });
    const frontend = await lab.addPod('frontend', { app: 'frontend' });
    const other = await lab.addPod('other', { app: 'other' });
    expect(lab.ping(frontend, backend.ip)).toBe(true);
    expect(lab.ping(other, backend.ip)).toBe(false);
    expect(lab.ping(backend, other.ip)).toBe(true);
    expect(lab.ping(frontend, '172.18.0.2')).toBe(true);
    expect(lab.ping(frontend, '172.18.0.1')).toBe(true);
    await lab.relabel('other', { app: 'frontend' });
    await eventually('the relabelled pod is let in', () => lab.ping(other, backend.ip));
    await lab.relabel('other', { app: 'other' });
    await eventually('the relabelled pod is kept out', () => !lab.ping(other, backend.ip));
  });
});
