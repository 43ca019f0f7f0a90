import { newMarker, podFrame, syn } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  dropCounts,
  dropsSince,
  dropsText,
  joinSeen,
  knockers,
  plural,
  podName,
  type SeenFlow,
  type Stage,
  totalDrops,
} from '../stage/index.ts';
import { sendFrames, startSend } from '../tools/index.ts';

/** Nobody listens there, and no policy opens it: every packet is a drop. */
const FLOOD_PORT = 7100;
const FIRST_PORT = 7101;
/** Of each neighbour, all while the flood goes on. */
const KNOCKS = 50;
/** A flood that reaches it is above what one pod may be told of in a second. */
const LEAST = 20_000;
/** More than any machine sends: as fast as it can. */
const FULL_SPEED = 1_000_000;

/** Stored flows since then of what this pod sent to these ports. */
async function storedOf(stage: Stage, from: Actor, since: number, isPort: (port: number) => boolean) {
  const flows: SeenFlow[] = [];
  const query = { since, filter: { fromPod: [podName(from)], type: ['drop' as const] } };
  for await (const line of stage.api.observe(query, stage.signal)) {
    if (line.kind !== 'flow') continue;
    const { port } = line.flow.destination;
    if (port !== undefined && isPort(port)) flows.push(line.flow);
  }
  return flows;
}

const missedOf = async (stage: Stage, { namespace, name }: Actor): Promise<number> =>
  (await stage.endpoint(namespace, name))?.counters?.missedEvents ?? 0;

/** 26. One pod floods: who looks afterwards finds all flows of all others, and of the flood how much it was. */
export async function* flowFlood(stage: Stage): AsyncGenerator<AttackLine> {
  const [a, b, flooder] = await Promise.all([
    knockers(stage, 'tenant-a'),
    knockers(stage, 'tenant-b'),
    stage.startPod({ namespace: 'tenant-a', name: 'flooder', labels: { app: 'knock', role: 'flooder' } }),
  ]);
  // One asks the very pod that is flooded, one another of its tenant, one the other tenant's.
  const others: readonly (readonly [Actor, Actor])[] = [
    [a.asker, a.asked],
    [a.asked, a.asker],
    [b.asker, b.asked],
  ];
  const since = Date.now();
  const before = { drops: await dropCounts(stage, flooder), missed: await missedOf(stage, flooder) };
  const frame = podFrame(flooder, a.asked.ip, syn(40_000, FLOOD_PORT, newMarker()));
  const flood = stage.own(startSend(flooder.netns, [frame], { count: 0, rate: FULL_SPEED, seconds: 300 }));
  const dropped = async (): Promise<number> => totalDrops(dropsSince(before.drops, await dropCounts(stage, flooder)));
  await stage.until('the flood is more than can be told', async () =>
    (await dropped()) >= LEAST && (await missedOf(stage, flooder)) > before.missed ? true : undefined,
  );
  const knocks = others.map(([from, to]) => {
    const frames = Array.from({ length: KNOCKS }, (_, nth) =>
      podFrame(from, to.ip, syn(40_000, FIRST_PORT + nth, newMarker())),
    );
    return sendFrames(from.netns, frames);
  });
  const knocked = (await Promise.all(knocks)).reduce((sum, report) => sum + report.sent, 0);
  const { sent } = await flood.stop();
  const drops = await stage.inTheEnd(
    async () => dropsSince(before.drops, await dropCounts(stage, flooder)),
    (counts) => totalDrops(counts) >= sent,
  );

  const isKnock = (port: number) => port >= FIRST_PORT && port < FIRST_PORT + KNOCKS;
  const told: number[] = [];
  for (const [from] of others) {
    const flows = await stage.inTheEnd(
      async () => await storedOf(stage, from, since, isKnock),
      ({ length }) => length >= KNOCKS,
    );
    told.push(new Set(flows.map(({ destination }) => destination.port)).size);
  }
  yield {
    id: '26.others',
    claim: 'a pod that floods takes no flow of any other pod away from who looks',
    tried: `${podName(flooder)} sends ${plural(sent, 'packet')} that are dropped; meanwhile ${others.length} pods knock ${KNOCKS} times each`,
    expected: `all ${others.length * KNOCKS} are there`,
    seen: joinSeen(others.map(([from], nth) => `${podName(from)}: ${told[nth]} of ${KNOCKS}`)),
    held: knocked === others.length * KNOCKS && told.every((count) => count === KNOCKS),
    decidedBy: 'each pod’s own share of events and of the store',
  };

  const counted = await stage.inTheEnd(
    async () => ({
      stored: (await storedOf(stage, flooder, since, (port) => port === FLOOD_PORT)).length,
      missed: (await missedOf(stage, flooder)) - before.missed,
    }),
    ({ stored, missed }) => stored + missed >= sent,
  );
  const { stored, missed } = counted;
  yield {
    id: '26.counted',
    claim: 'and of the flood itself not one packet is unaccounted for',
    tried: `the ${plural(sent, 'packet')} are compared with what the agent says`,
    expected: `${sent.toLocaleString('en-US')} dropped; as many told of and missed together`,
    seen: joinSeen([
      `${totalDrops(drops).toLocaleString('en-US')} dropped`,
      `${stored.toLocaleString('en-US')} told + ${missed.toLocaleString('en-US')} missed`,
    ]),
    held: totalDrops(drops) === sent && stored + missed === sent,
    decidedBy: dropsText(drops),
  };
}
