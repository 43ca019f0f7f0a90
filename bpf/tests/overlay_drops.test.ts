import { expect, test } from 'vitest';
import { FROM_OVERLAY_CASES } from './drop-cases/from-overlay.ts';
import { OPEN } from './lab.ts';
import { OverlayLab } from './overlay-lab.ts';

test.each(FROM_OVERLAY_CASES.map((one) => [one.name, one.reason, one] as const))(
  '%s: %s',
  async (_name, reason, { run, counted }) => {
    using lab = await OverlayLab.create({ a: [OPEN.ingress] });
    const outcome = run(lab);
    expect(outcome.verdict).toBe(reason);
    expect(outcome.events.map(({ type, hook }) => [type, hook])).toEqual([['drop', 'from-overlay']]);
    const drops = (await lab.datapath.drops()).filter((row) => row.reason === reason);
    expect(drops).toHaveLength(1);
    expect(drops[0]?.direction).toBe('ingress');
    if (counted === 'node') expect(drops[0]?.endpoint).toBe(0);
    else expect([1, 2]).toContain(drops[0]?.endpoint);
    expect(await lab.datapath.connections(), 'nothing is remembered of it').toEqual([]);
  },
);
