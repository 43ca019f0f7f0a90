import { uplinkPort } from '../../sandbox/index.ts';
import { type FrameCase, newMarker } from '../frames/index.ts';
import { type CountReport, type Seat, sendFrames, startCount } from '../tools/index.ts';
import { type DropCounts, dropCounts, dropsSince, dropsText, totalDrops } from './drops.ts';
import { type AttackLine, joinSeen, plural } from './line.ts';
import type { Actor, Stage } from './stage.ts';

/** Where a frame would arrive if it passed. */
export type Place = {
  readonly name: string;
  readonly netns: string;
  readonly devices?: readonly string[];
  readonly local?: boolean;
};

const DEFAULT_COUNT = 25;
/** Slow enough that no queue on the way is ever full: what is not counted was dropped by policy. */
const RATE = 2_000;

/** The places where frames of a pod of this sandbox could turn up: another pod, the stack of any node, the world. */
export function placesOf(stage: Stage, victim: Actor): Place[] {
  return [
    { name: victim.name, netns: victim.netns, devices: ['eth0'] },
    ...stage.nodes.all.map(({ name, netnsPath }) => ({ name, netns: netnsPath, local: true })),
    { name: 'world', netns: stage.worldNetns, devices: stage.nodes.all.map(uplinkPort) },
  ];
}

export type FrameOutcome = {
  readonly sent: number;
  readonly failed: number;
  /** Drops at that device meanwhile. */
  readonly drops: DropCounts;
  readonly arrived: Readonly<Record<string, number>>;
  /** Frames that a counter could not hold: its zero proves nothing then. */
  readonly lost: number;
};

/** Who sends frames, and where they are dropped. */
export type FrameSource = {
  readonly where: string | Seat;
  /** So far, at the device that frames come by first. */
  readonly drops: () => Promise<DropCounts>;
};

export function podSource(stage: Stage, pod: Actor): FrameSource {
  return { where: pod.netns, drops: () => dropCounts(stage, pod) };
}

/** Sends one case's frames from `source` and counts what is dropped at its device and what arrives anywhere. */
export async function sendCase(
  stage: Stage,
  options: { source: FrameSource; one: FrameCase; places: readonly Place[] },
): Promise<FrameOutcome> {
  const { source, one, places } = options;
  const marker = newMarker();
  const counters = await Promise.all(
    places.map(async ({ name, netns, devices, local }) => {
      const counter = stage.own(
        await startCount(netns, {
          patterns: { marker },
          ...(devices && { devices }),
          ...(local === true && { local }),
        }),
      );
      return { name, counter };
    }),
  );
  const before = await source.drops();
  const sending = sendFrames(source.where, one.frames(marker), {
    count: one.count ?? DEFAULT_COUNT,
    rate: RATE,
    ...(one.unfinished !== undefined && { unfinished: one.unfinished }),
  });
  const report = await sending;
  await stage.settle();
  // Whatever becomes of a frame: it is dropped, or arrives.
  const fates = async (): Promise<number> => {
    const counts = await Promise.all(
      counters.map(async ({ counter }) => (await counter.report()).matches['marker'] ?? 0),
    );
    return counts.reduce((sum, count) => sum + count, totalDrops(dropsSince(before, await source.drops())));
  };
  await stage.inTheEnd(fates, (count) => count >= report.sent);
  const after = await source.drops();
  const reports = await Promise.all(
    counters.map(async ({ name, counter }): Promise<[string, CountReport]> => [name, await counter.stop()]),
  );
  return {
    sent: report.sent,
    failed: report.failed,
    drops: dropsSince(before, after),
    arrived: Object.fromEntries(reports.map(([name, counted]) => [name, counted.matches['marker'] ?? 0])),
    lost: reports.reduce((sum, [, counted]) => sum + counted.lost, 0),
  };
}

/** Every frame counted under exactly the expected reason, none anywhere else. */
export function judgeCase(one: FrameCase, outcome: FrameOutcome): Pick<AttackLine, 'seen' | 'held'> {
  const { sent, failed, drops, arrived, lost } = outcome;
  const places = Object.entries(arrived);
  const held =
    sent > 0 &&
    failed === 0 &&
    lost === 0 &&
    drops[one.reason] === sent &&
    Object.keys(drops).length === 1 &&
    places.every(([, count]) => count === 0);
  const seen = joinSeen([
    `${plural(sent, 'frame')} sent`,
    failed > 0 ? `${failed} refused by the kernel` : '',
    `dropped: ${dropsText(drops) || 'none'}`,
    `arrived: ${places.map(([name, count]) => `${name} ${count}`).join(', ')}`,
    lost > 0 ? `${lost} not seen by the counters` : '',
  ]);
  return { seen, held };
}

/** Tries the cases one after the other. `group` is the number of the attack, `claim` stands on every line. */
export async function* runCases(
  stage: Stage,
  options: { group: string; claim: string; attacker: Actor; cases: readonly FrameCase[]; places: readonly Place[] },
): AsyncGenerator<AttackLine> {
  const { group, claim, attacker, cases, places } = options;
  const endpoint = await stage.whenReady(attacker.namespace, attacker.name);
  for (const one of cases) {
    const outcome = await sendCase(stage, { source: podSource(stage, attacker), one, places });
    yield {
      id: `${group}.${one.name}`,
      claim,
      tried: one.tried,
      expected: `each frame dropped at its own device as ${one.reason}, none anywhere`,
      ...judgeCase(one, outcome),
      decidedBy: `${endpoint.interface} (endpoint ${endpoint.id}): ${dropsText(outcome.drops) || 'nothing dropped'}`,
    };
  }
}
