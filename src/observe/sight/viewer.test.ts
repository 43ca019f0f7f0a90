import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../base/testkit.ts';
import { type Flow, type FlowEnd, HIDDEN_PEER } from '../../model/index.ts';
import { Answers } from './answers.ts';
import { Viewer } from './viewer.ts';

const podOf = (namespace: string): FlowEnd => ({
  addr: `10.0.0.${namespace.length}`,
  identity: 300,
  labels: [`k8s:io.kubernetes.pod.namespace=${namespace}`],
  namespace,
  pod: 'web',
});
const between = (source: string, destination: string): Flow => ({
  time: 1,
  node: 'node-1',
  type: 'open',
  verdict: 'forwarded',
  direction: 'egress',
  source: podOf(source),
  destination: podOf(destination),
  protocol: 'TCP',
  tcpFlags: [],
  rules: {},
  isReply: false,
  length: 60,
  ifindex: 1,
  hook: 'from-pod',
});

/** Somebody reads who may see the flows of `shop`. */
async function reading() {
  const clock = new FakeClock(1_000_000);
  const rights = new Set(['watch shop']);
  let isAway = false;
  const ask = async (_: unknown, { verb, namespace }: { readonly verb: string; readonly namespace: string }) => {
    if (isAway) throw new Error('nobody answers');
    return rights.has(`${verb} ${namespace}`);
  };
  const viewer = new Viewer({
    subject: { name: 'shopkeeper', groups: [] },
    answers: new Answers(ask, clock),
    tenantOf: () => undefined,
    peers: () => HIDDEN_PEER,
    namespaces: () => ['shop', 'bank'],
    clock,
  });
  await viewer.open(['watch']);
  /** Looks come one after the other. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      await clock.advance(1_000);
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { viewer, rights, pass, setAway: (is: boolean) => (isAway = is), setClock: (by: number) => clock.set(by) };
}

describe('one who reads', () => {
  it('sees what is his, and nothing from the moment on when the right to it is gone', async () => {
    const { viewer, rights, pass } = await reading();
    expect(viewer.see('watch', between('shop', 'bank'))).toMatchObject({
      source: { pod: 'web' },
      destination: { addr: '' },
    });
    rights.clear();
    await pass(4_000);
    expect(viewer.ended.reason).toMatchObject({ code: 'E_OBSERVE_REVOKED' });
    expect(viewer.see('watch', between('shop', 'bank')), 'what was on its way').toBe('undecided');
    expect(viewer.sight('watch').flows('shop')).toBe(false);
    expect(viewer.namespaces('watch')).toEqual([]);
  });

  it('goes on for a while when nobody says whether his rights still hold, and no longer', async () => {
    const { viewer, pass, setAway } = await reading();
    setAway(true);
    await pass(6_000);
    expect(viewer.ended.aborted).toBe(false);
    setAway(false);
    await pass(4_000);
    setAway(true);
    await pass(6_000);
    expect(viewer.ended.aborted, 'since they were confirmed').toBe(false);
    await pass(6_000);
    expect(viewer.ended.reason).toMatchObject({ code: 'E_OBSERVE_RIGHTS_UNKNOWN' });
    expect(viewer.sight('watch').flows('shop')).toBe(false);
  });

  it('goes on no longer, and is not ended sooner, where somebody sets the clock meanwhile', async () => {
    const { viewer, pass, setAway, setClock } = await reading();
    setAway(true);
    setClock(3_600_000);
    await pass(4_000);
    expect(viewer.ended.aborted).toBe(false);
    setClock(-7_200_000);
    await pass(8_000);
    expect(viewer.ended.reason).toMatchObject({ code: 'E_OBSERVE_RIGHTS_UNKNOWN' });
    expect(viewer.sight('watch').flows('shop')).toBe(false);
  });

  it('sees all with the right to all, and no more than his own once that is gone', async () => {
    const { viewer, rights, pass } = await reading();
    const flow = between('bank', 'bank');
    expect(viewer.sight('watch').all).toBe(false);
    expect(viewer.see('watch', flow)).toBeUndefined();
    rights.add('watch ');
    await pass(18_000);
    expect(viewer.sight('watch').all).toBe(true);
    expect(viewer.see('watch', flow)).toBe(flow);
    rights.delete('watch ');
    await pass(4_000);
    expect(viewer.ended.aborted).toBe(true);
    expect(viewer.sight('watch').all).toBe(false);
  });
});
