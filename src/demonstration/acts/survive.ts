import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { namespacedName, systemClock } from '../../base/index.ts';
import { newMarker, ping, podFrame, syn, udp } from '../frames/index.ts';
import { type Actor, type AttackLine, dropCounts, dropsText, joinSeen, plural, type Stage } from '../stage/index.ts';
import { type ConnectionReport, startConnect, startCount, startSend, startServe } from '../tools/index.ts';
import { admitClientsOnly } from './clients-only.ts';

const NAMESPACE = 'survive';
const PORT = 8080;
/** Echo requests a second: about what `ping -f` does against a slow host. */
const PING_RATE = 1_000;
const DENIED_RATE = 1_000;
const DOWN_MS = 400;
const UP_MS = 300;

/** What must not change by a restart: files that pin links and maps, programs by their kernel id, endpoints. */
async function inventory(stage: Stage): Promise<{ pins: string[]; programs: string[]; endpoints: string[] }> {
  const [footprint, endpoints] = await Promise.all([stage.api.footprint(), stage.api.endpoints()]);
  const names = await readdir(stage.node.pinDir, { recursive: true });
  const pins = await Promise.all(
    names.map(async (name) => {
      const { ino, ctimeMs } = await stat(join(stage.node.pinDir, name));
      return `${name} ${ino} ${ctimeMs}`;
    }),
  );
  return {
    pins: pins.toSorted(),
    // Not those that the agent runs itself: they come and go with it.
    programs: footprint.programs
      .filter(({ attachedTo }) => attachedTo.length > 0)
      .map(({ attachedTo, kernelId }) => `${attachedTo.join(', ')} ${kernelId}`)
      .toSorted(),
    endpoints: endpoints
      .map((endpoint) => `${namespacedName({ namespace: endpoint.namespace, name: endpoint.pod })} ${endpoint.id}`)
      .toSorted(),
  };
}

function changed(before: readonly string[], after: readonly string[]): number {
  const old = new Set(before);
  return after.filter((row) => !old.has(row)).length + Math.max(0, before.length - after.length);
}

export type SurviveOptions = { readonly kills?: number };

/** 7. The agent may die: the datapath does not notice. */
export async function* survive(stage: Stage, options: SurviveOptions = {}): AsyncGenerator<AttackLine> {
  await admitClientsOnly(stage, NAMESPACE);
  const pod = (role: string) => stage.startPod({ namespace: NAMESPACE, name: role, labels: { role } });
  const [client, server, stranger] = await Promise.all([pod('client'), pod('server'), pod('stranger')]);
  try {
    yield* kill(stage, { client, server, stranger, kills: options.kills ?? 1 });
  } finally {
    await stage.sandbox.startAgent(stage.node.name);
  }
}

function segmentsLost(ends: readonly ConnectionReport[]): number {
  return ends.reduce((sum, end) => sum + Math.max(0, end.retransmits - end.duplicates), 0);
}

type Scene = { readonly client: Actor; readonly server: Actor; readonly stranger: Actor; readonly kills: number };

async function* kill(stage: Stage, scene: Scene): AsyncGenerator<AttackLine> {
  const { client, server, stranger, kills } = scene;
  const markers = { allowed: newMarker(), denied: newMarker() };
  const devices = ['eth0'];
  const atServer = stage.own(await startCount(server.netns, { devices, patterns: markers }));
  const atClient = stage.own(await startCount(client.netns, { devices, patterns: markers }));
  const tcpServer = stage.own(await startServe(server.netns, { port: PORT, push: true, rate: 200 }));
  const tcp = stage.own(startConnect(client.netns, { to: server.ip, port: PORT, rate: 200 }));
  const endless = { count: 0 };
  const allowed = stage.own(
    startSend(client.netns, [podFrame(client, server.ip, ping(7, markers.allowed))], { ...endless, rate: PING_RATE }),
  );
  const denied = stage.own(
    startSend(
      stranger.netns,
      [ping(7, markers.denied), syn(40_000, PORT, markers.denied), udp(40_000, PORT, markers.denied)].map((transport) =>
        podFrame(stranger, server.ip, transport),
      ),
      { ...endless, rate: DENIED_RATE },
    ),
  );
  await stage.until('traffic flows', async () => ((await tcp.report()).acked > 100 ? true : undefined));
  const before = await inventory(stage);
  const begin = systemClock.now();
  for (let round = 0; round < kills; round += 1) {
    await stage.sandbox.killAgent(stage.node.name, 'SIGKILL');
    await stage.settle(DOWN_MS);
    await stage.sandbox.startAgent(stage.node.name);
    await stage.agentReady();
    await stage.settle(UP_MS);
  }
  const seconds = (systemClock.now() - begin) / 1_000;
  const [asked, forbidden] = await Promise.all([allowed.stop(), denied.stop()]);
  // The last ones may still be under way, and so may the word that a segment had arrived already.
  await stage.inTheEnd(
    async () => {
      const reports = await Promise.all([atServer.report(), atClient.report()]);
      const ends = [await tcp.report(), ...(await tcpServer.report()).connections];
      return reports.every(({ matches }) => (matches['allowed'] ?? 0) >= asked.sent) && segmentsLost(ends) === 0;
    },
    (isComplete) => isComplete,
  );
  const [there, back, connection] = await Promise.all([atServer.stop(), atClient.stop(), tcp.stop()]);
  const served = await tcpServer.stop();
  const after = await inventory(stage);
  const [arrived, answered] = [there.matches['allowed'] ?? 0, back.matches['allowed'] ?? 0];
  const ends = [connection, ...served.connections];
  const retransmits = ends.reduce((sum, end) => sum + end.retransmits, 0);
  const lostSegments = segmentsLost(ends);
  const leaked = there.matches['denied'] ?? 0;
  const tried = `SIGKILL under load, ${(seconds / kills).toFixed(1)} s until it serves again (${plural(kills, 'time')})`;
  yield {
    id: '7.allowed',
    claim: 'the agent is killed and started again: what was allowed flows on',
    tried,
    expected: 'not one packet lost, not one TCP segment missed by its receiver',
    seen: joinSeen([
      `${plural(asked.sent, 'ping')} sent, ${arrived} arrived, ${answered} answered`,
      `TCP: ${plural(connection.acked, 'byte')} acknowledged, ${plural(lostSegments, 'segment')} lost (${retransmits} sent twice)`,
      there.lost + back.lost > 0 ? `${there.lost + back.lost} not seen by the counters` : '',
    ]),
    held:
      asked.sent > 0 &&
      arrived === asked.sent &&
      answered === asked.sent &&
      lostSegments === 0 &&
      connection.state === 'open',
    decidedBy: 'connections and verdicts pinned in the kernel',
  };
  const drops = await dropCounts(stage, stranger);
  yield {
    id: '7.forbidden',
    claim: 'and what was forbidden stays forbidden',
    tried,
    expected: '0 packets',
    seen: `${plural(forbidden.sent, 'frame')} sent, ${leaked} arrived`,
    held: forbidden.sent > 0 && leaked === 0 && there.lost === 0,
    decidedBy: dropsText(drops) || 'nothing dropped',
  };
  const changes = {
    pins: changed(before.pins, after.pins),
    programs: changed(before.programs, after.programs),
    endpoints: changed(before.endpoints, after.endpoints),
  };
  yield {
    id: '7.kept',
    claim: 'nothing is made anew needlessly',
    tried: 'endpoint ids, program ids and pinned links and maps compared before and after',
    expected: 'all the same',
    seen: `${changes.endpoints} of ${plural(before.endpoints.length, 'endpoint')}, ${changes.programs} of ${plural(before.programs.length, 'program')} and ${changes.pins} of ${plural(before.pins.length, 'pin')} changed`,
    held: before.programs.length > 0 && Object.values(changes).every((count) => count === 0),
    decidedBy: 'membrane endpoint list, membrane footprint, the BPF file system',
  };
}
