import { TunnelProbe, wordsOf } from '../../bpf/tests/tunnel-probe.ts';
import type { ProgFd } from '../../src/datapath/kernel/fd.ts';
import { ipcacheRow } from '../../src/datapath/maps/testkit.ts';
import { identityId, ifindex } from '../../src/model/index.ts';
import { type Addr, Prefix, parseAddr } from '../../src/net/index.ts';
import type { Family, Row } from './row.ts';
import { DEFAULTS, frame, Scene } from './scene.ts';
import { interleaved, pairedRatio, summary } from './stats.ts';

const ROUNDS = 15;
const REPEAT = 100_000;
const OTHER_NODE: Addr = parseAddr('172.18.0.3');
const ELSEWHERE: Addr = parseAddr('10.244.2.9');
const IDENTITY = { here: 300, elsewhere: 900 } as const;
const OVERLAY = { enableOverlay: true, overlayIfindex: ifindex(1) } as const;

/** ns an established packet of 64 bytes to and from a pod of another node costs, beside a program that only says where it goes. */
export const overlayCost: Family = {
  rows: ['path.overlay', 'path.overlay-in'],
  run: async (report) => {
    using scene = new Scene(OVERLAY);
    const { datapath } = scene;
    using probe = new TunnelProbe(datapath);
    const { from_overlay } = datapath.load('overlay', ['from_overlay'] as const, { ...DEFAULTS, ...OVERLAY });
    for (const [addr, identity] of [
      [OTHER_NODE, 6],
      [ELSEWHERE, IDENTITY.elsewhere],
    ] as const) {
      datapath.ipcache.set(Prefix.host(addr), ipcacheRow({ identity: identityId(identity), tunnel: OTHER_NODE }));
    }
    await scene.open();
    const envelope = { node: OTHER_NODE, identity: IDENTITY.elsewhere, reach: IDENTITY.here };
    const run = (program: ProgFd, data: Uint8Array, repeat = 1): number => {
      const { action, duration } = datapath.run(program, data, { cb: wordsOf(envelope), repeat });
      if (action !== 'redirect')
        throw new Error(`expected redirect, found ${action} ${JSON.stringify(datapath.events().at(-1))}`);
      return duration;
    };
    const arriving = probe.of('arrives', from_overlay);
    run(scene.client.fromPod, frame({ flags: ['SYN'], to: ELSEWHERE }));
    run(arriving, frame({ flags: ['SYN', 'ACK'], to: ELSEWHERE, answer: true }));
    const [out, back] = [frame({ to: ELSEWHERE }), frame({ to: ELSEWHERE, answer: true })];
    run(scene.client.fromPod, out);
    const results = await interleaved(ROUNDS, {
      bare: () => run(probe.baseline, out, REPEAT),
      'path.overlay': () => run(scene.client.fromPod, out, REPEAT),
      'path.overlay-in': () => run(arriving, back, REPEAT),
    });
    const row = (name: 'path.overlay' | 'path.overlay-in', note: string): Row => ({
      name,
      ...summary(results[name]),
      unit: 'ns',
      baseline: 'ns, tunnel key and redirect only',
      baselineValue: summary(results.bare).value,
      ratio: pairedRatio(results[name], results.bare),
      target: { of: 'ratio', bound: 'at most', limit: 3 },
      note,
    });
    report(row('path.overlay', 'encapsulates'));
    report(row('path.overlay-in', 'decapsulates; a tunnel key is set before, which the device does'));
  },
};
