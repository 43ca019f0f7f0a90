import { expect, test } from 'vitest';
import { ACCOUNT_ELSEWHERE } from '../../src/model/gen/numbers.ts';
import type { TcpFlag } from '../../src/net/index.ts';
import { fromPod, fromWorld, tcp, udp } from './frames.ts';
import { quota, REMOTE_POD, WORLD } from './lab.ts';
import { NEW_POD, OverlayLab } from './overlay-lab.ts';
import { B, SERVICE } from './pair.ts';

/** Of what pods elsewhere open: 32 that anybody may have, of these 8 one of them; and one each besides. */
const LIMITS = { ...quota(8), ctElsewhere: 32, ctElsewhereQuota: 8, ctElsewhereGuaranteed: 1 };
const FLOOD = Array.from({ length: 100 }, (_, port) => port + 1);

const passed = (verdicts: readonly string[]): number => verdicts.filter((verdict) => verdict === 'redirect').length;
const asOther = { from: NEW_POD, identity: 950 } as const;

test('what a pod elsewhere opens costs neither the world nor other pods elsewhere theirs', async () => {
  using lab = await OverlayLab.create({ config: LIMITS });
  const verdicts = FLOOD.map((port) => lab.hear(udp(port, SERVICE)).verdict);
  expect([passed(verdicts), verdicts.at(-1)]).toEqual([LIMITS.ctElsewhereQuota, 'ct-quota']);
  const some = FLOOD.slice(0, LIMITS.ctWorld);
  expect(passed(some.map((port) => lab.arrive(fromWorld(WORLD, B, udp(port, SERVICE))).verdict))).toBe(LIMITS.ctWorld);
  expect(passed(FLOOD.map((port) => lab.hear(udp(port, SERVICE), asOther).verdict))).toBe(LIMITS.ctElsewhereQuota);
  expect(lab.send(lab.b, fromPod(lab.b, WORLD, udp(1, 53))).verdict).toBe('redirect');
});

test('where many of them have taken what is common, one is left for each', async () => {
  using lab = await OverlayLab.create({ config: { ...LIMITS, ctElsewhere: 3 } });
  expect(passed(FLOOD.map((port) => lab.hear(udp(port, SERVICE)).verdict))).toBe(4);
  expect(passed(FLOOD.map((port) => lab.hear(udp(port, SERVICE), asOther).verdict))).toBe(1);
});

test('is given back when it ends, and counted anew', async () => {
  using lab = await OverlayLab.create({ config: { ...LIMITS, ctElsewhere: 3 } });
  for (let round = 0; round < 3; round += 1) {
    expect(passed(FLOOD.map((port) => lab.hear(udp(port, SERVICE)).verdict))).toBe(4);
    await lab.expire();
    expect(lab.datapath.collect(LIMITS).removed).toBe(4);
  }
  lab.hear(udp(1, SERVICE));
  lab.datapath.usage.set(ACCOUNT_ELSEWHERE, 99);
  expect(lab.hear(udp(2, SERVICE)).verdict).toBe('ct-quota');
  lab.datapath.collect(LIMITS);
  expect(lab.hear(udp(2, SERVICE)).verdict).toBe('redirect');
});

test('half open connections of theirs push out none of the world’s', async () => {
  using lab = await OverlayLab.create({ config: { ...LIMITS, ctOpenings: 2 } });
  lab.arrive(fromWorld(WORLD, B, tcp(1, SERVICE, 'SYN')));
  for (const port of FLOOD) lab.hear(tcp(port, SERVICE, 'SYN'));
  const connections = await lab.datapath.connections();
  expect(connections.filter(({ source }) => source.addr === WORLD)).toHaveLength(1);
});

test('short connections of one of them, as many as he likes', async () => {
  using lab = await OverlayLab.create({ config: LIMITS });
  const answer = (port: number, ...flags: readonly TcpFlag[]) =>
    lab.send(lab.b, fromPod(lab.b, REMOTE_POD, tcp(SERVICE, port, ...flags))).verdict;
  for (const port of FLOOD) {
    expect([port, lab.hear(tcp(port, SERVICE, 'SYN')).verdict]).toEqual([port, 'redirect']);
    expect(answer(port, 'SYN', 'ACK')).toBe('redirect');
    lab.hear(tcp(port, SERVICE, 'ACK'));
    answer(port, 'FIN', 'ACK');
    expect(lab.hear(tcp(port, SERVICE, 'FIN', 'ACK')).verdict).toBe('redirect');
    expect(answer(port, 'ACK')).toBe('redirect');
  }
});
