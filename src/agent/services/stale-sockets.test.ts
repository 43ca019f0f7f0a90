import { describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { Intent, livingAddresses } from '../../cluster/index.ts';
import { NODE, POD } from '../../kube/index.ts';
import { parseAddr } from '../../net/index.ts';
import { StaleSockets } from './stale-sockets.ts';

describe('StaleSockets', () => {
  it('looks once for all that went together, again later, and survives a failure', async () => {
    const clock = new FakeClock();
    const lifecycle = new Lifecycle({ log: silentLogger, clock });
    let looks = 0;
    let kept = 0;
    const end = async () => {
      looks += 1;
      if (looks === 1) throw new Error('no');
      return { ended: 1, kept, failed: [] };
    };
    const sockets = new StaleSockets({ end, clock, log: silentLogger });
    await lifecycle.start(sockets);
    await clock.advance(1_000);
    expect(looks).toBe(0);
    for (let i = 0; i < 10; i += 1) sockets.look();
    await clock.advance(0);
    expect(looks).toBe(1);
    sockets.look();
    await clock.advance(100);
    expect(looks).toBe(1);
    kept = 1;
    await clock.advance(500);
    expect(looks).toBe(2);
    await clock.advance(600);
    kept = 0;
    await clock.advance(10_000);
    expect(looks).toBe(3);
    await clock.advance(600);
    await clock.advance(60_000);
    expect(looks).toBe(3);
    await lifecycle.stop();
    expect(looks).toBe(3);
  });
});

describe('livingAddresses', () => {
  it('knows of pods only who is gone', () => {
    const intent = new Intent();
    const pod = (name: string, podIP: string, phase: string) =>
      POD.parse({ metadata: { name, namespace: 'a' }, status: { phase, podIP } });
    const add = { deletes: [], synced: true };
    intent.pods.apply({ ...add, upserts: [pod('a', '10.244.1.2', 'Running'), pod('b', '10.244.1.3', 'Succeeded')] });
    intent.nodes.apply({
      ...add,
      upserts: [NODE.parse({ metadata: { name: 'n' }, spec: { podCIDRs: ['10.244.1.0/24', 'nonsense'] } })],
    });
    const lives = livingAddresses(intent, { isTold: (addr) => addr === '10.244.1.5' });
    const of = (text: string) => lives(parseAddr(text));
    const asked = ['10.244.1.2', '10.244.1.3', '10.244.1.4', '10.244.1.5', '198.51.100.1'];
    expect(asked.filter(of)).toEqual(['10.244.1.2', '10.244.1.5', '198.51.100.1']);
  });
});
