import { describe, expect, it } from 'vitest';
import { eventually } from '../services/eventually.ts';
import { useLab } from '../services/lab.ts';

/** What a cluster itself serves to its pods. */
const lab = useLab();

const VERSION = 'https://10.96.0.1/version';

describe('the API server', () => {
  it('answers pods and the node at its service, as far as policies let them', async () => {
    const scene = await lab.scene();
    await Promise.all([scene.pod('client'), scene.pod('shut', { labels: { app: 'shut' } })]);
    await scene.apply(
      'networking.k8s.io/v1',
      'NetworkPolicy',
      {
        spec: { podSelector: { matchLabels: { app: 'shut' } }, policyTypes: ['Egress'], egress: [] },
      },
      { name: 'shut' },
    );
    const asks = (place: string) => scene.run(place, ['curl', '-sk', '--max-time', '3', VERSION]);
    for (const place of ['client', 'node']) {
      await eventually(`${place} is answered`, async () => (await asks(place)).stdout.includes('membrane'));
    }
    await eventually('the other one is not', async () => (await asks('shut')).stdout === '');
    expect((await asks('client')).stdout).toContain('"gitVersion":"v1.32.0-membrane"');
  });
});
