import { parseAddr } from '../../src/net/index.ts';
import type { Family, Row, Target } from './row.ts';
import { frame, redirectOnly, Scene } from './scene.ts';
import { interleaved, pairedRatio, summary } from './stats.ts';

const ROUNDS = 15;
const REPEAT = 100_000;
/** Of what writes maps or events. */
const FEW = 20_000;

/**
 * ns a packet of 64 bytes costs, both policy halves of a node, by BPF_PROG_TEST_RUN, beside a program that only
 * redirects. Real Cilium 1.13, measured the same way: established 912 over 41, denied 460, spoofed 120.
 */
export const programCost: Family = {
  rows: ['path.cost', 'path.deny', 'path.spoof', 'path.open'],
  run: async (report) => {
    using scene = new Scene();
    using baseline = redirectOnly();
    await scene.open();
    scene.establish();
    const data = frame({});
    const denied = frame({ flags: ['SYN'], port: 81 });
    const spoofed = frame({ source: parseAddr('10.244.1.99') });
    // Not of the connection whose price is measured: a SYN opens it anew.
    const first = frame({ flags: ['SYN'], sourcePort: 40_001 });
    const bare = () => scene.datapath.run(baseline, data, { repeat: REPEAT }).duration;
    bare();
    scene.cost(data, 'redirect', REPEAT);
    const results = await interleaved(ROUNDS, {
      bare,
      'path.cost': () => scene.cost(data, 'redirect', REPEAT),
      'path.deny': () => drained(scene, () => scene.cost(denied, 'drop', FEW)),
      'path.spoof': () => drained(scene, () => scene.cost(spoofed, 'drop', FEW)),
      'path.open': () => drained(scene, () => scene.cost(first, 'redirect', FEW)),
    });
    const row = (name: Exclude<keyof typeof results, 'bare'>, target?: Target, note?: string): Row => ({
      name,
      ...summary(results[name]),
      unit: 'ns',
      baseline: 'ns, redirect only',
      baselineValue: summary(results.bare).value,
      ratio: pairedRatio(results[name], results.bare),
      ...(target === undefined ? {} : { target }),
      ...(note === undefined ? {} : { note }),
    });
    report(row('path.cost', { of: 'ratio', bound: 'at most', limit: 4 }));
    report(row('path.deny', undefined, 'with an event, until the rate is reached'));
    report(row('path.spoof'));
    report(row('path.open', undefined, 'a repeated SYN'));
  },
};

/** Keeps the ring from filling up: a full one is cheaper. */
function drained(scene: Scene, run: () => number): number {
  const result = run();
  scene.datapath.events();
  return result;
}
