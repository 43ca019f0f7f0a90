import { expect, it } from 'vitest';
import { mapPin } from '../../../src/datapath/maps/map-set.ts';
import { rawScene } from '../../../src/demonstration/acts/spoof.ts';
import { podFrame, syn, udp } from '../../../src/demonstration/frames/frames.ts';
import { tenantScene } from '../../../src/demonstration/stage/tenants.ts';
import { sendFrames } from '../../../src/demonstration/tools/frame-tool.ts';
import { lab } from './shared-sandbox.ts';

/** Flows of one pod that the agent still has. */
async function kept(pod: string) {
  const flows = [];
  for await (const line of lab.stage.api.observe(
    { last: 1_000_000, filter: { fromPod: [pod] } },
    AbortSignal.timeout(120_000),
  ))
    if (line.kind === 'flow') flows.push(line.flow);
  return flows;
}

it('keeps and goes on telling what other pods do while one floods the log', async () => {
  const { attacker, victim } = await rawScene(lab.stage);
  const { other } = await tenantScene(lab.stage, 'tenant-b');
  const knock = (port: number) => podFrame(other, victim.ip, syn(40_000, port, new Uint8Array(4)));
  await sendFrames(other.netns, [knock(1)]);
  const flood = podFrame(attacker, victim.ip, udp(40_000, 9, new Uint8Array(8)));
  await sendFrames(attacker.netns, [flood], { count: 200_000, rate: 400_000 });
  await sendFrames(other.netns, [knock(2)]);
  await lab.stage.settle();

  await expect
    .poll(async () => (await kept('tenant-b/other')).map(({ destination }) => destination.port))
    .toEqual([1, 2]);
  const flooder = await lab.stage.endpoint(attacker.namespace, attacker.name);
  const told = await kept(`${attacker.namespace}/${attacker.name}`);
  const dropped = (flooder?.counters?.drops ?? []).reduce((sum, { packets }) => sum + packets, 0);
  // However fast the flood was on this machine, it was faster than the pod's share: the pod paid for what is not told.
  expect(flooder?.counters?.missedEvents).toBeGreaterThan(0);
  expect(told.filter(({ verdict }) => verdict === 'dropped').length + (flooder?.counters?.missedEvents ?? 0)).toBe(
    dropped,
  );
  expect((await lab.stage.endpoint('tenant-b', 'other'))?.counters?.missedEvents).toBe(0);
});

it('starts a new pod with counters of its own', async () => {
  const { attacker } = await rawScene(lab.stage);
  const before = await lab.stage.endpoint(attacker.namespace, attacker.name);
  await sendFrames(attacker.netns, [podFrame(attacker, attacker.ip, udp(1, 1, new Uint8Array(4)))], { count: 5 });
  await lab.stage.settle();
  const { api } = lab.stage;
  expect((await api.endpoint({ id: before?.id ?? 0 })).counters?.drops).not.toEqual([]);
  const counted = async (): Promise<number[]> => {
    const dump = ['bpftool', '-j', 'map', 'dump', 'pinned', mapPin(`${lab.stage.node.pinDir}/maps`, 'drops')];
    const { stdout } = await lab.cluster.nodeExec('node-1', dump);
    return (JSON.parse(stdout) as { key: string[] }[]).map(({ key }) => parseInt(`${key[1]}${key[0]?.slice(2)}`, 16));
  };
  expect(await counted()).toContain(before?.id);
  await lab.stage.deletePod(attacker.namespace, attacker.name);
  expect(await counted()).not.toContain(before?.id);
});
