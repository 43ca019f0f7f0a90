import type { EndpointView } from '../../api/index.ts';
import type { NodePlace } from '../../sandbox/index.ts';
import {
  type Actor,
  type Arrived,
  type AttackLine,
  Duplex,
  dropCountsOf,
  dropsSince,
  dropsText,
  joinSeen,
  plural,
  podName,
  type Stage,
  sumDrops,
} from '../stage/index.ts';

const NAMESPACE = 'revoke';
/** For how long nothing may arrive any more, in ms. */
const SILENCE_MS = 500;

/** The server of this scene admits pods with this role, on every port and protocol. */
async function admit(stage: Stage, role: string): Promise<void> {
  await stage.apply({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'server', namespace: NAMESPACE },
    spec: {
      podSelector: { matchLabels: { role: 'server' } },
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ podSelector: { matchLabels: { role } } }] }],
    },
  });
}

function difference(before: Arrived, after: Arrived): Arrived {
  return {
    udpForward: after.udpForward - before.udpForward,
    udpReply: after.udpReply - before.udpReply,
    tcpForward: after.tcpForward - before.tcpForward,
    tcpReply: after.tcpReply - before.tcpReply,
  };
}

type Change = {
  readonly id: string;
  readonly claim: string;
  readonly tried: string;
  /** Takes the permission away. */
  readonly act: () => Promise<void>;
  /** True once the agent says that it is enforced. */
  readonly enforced: (before: EndpointView, now: EndpointView) => boolean;
  /** Whose endpoint tells. */
  readonly teller: Actor;
};

async function tryChange(stage: Stage, client: Actor, server: Actor, change: Change): Promise<AttackLine> {
  const duplex = await Duplex.open(stage, client, server);
  const ends = [client, server];
  const endpoints = () => Promise.all(ends.map((actor) => stage.whenReady(actor.namespace, actor.name)));
  const drops = async () => sumDrops(...(await endpoints()).map(dropCountsOf));
  const { namespace, name } = change.teller;
  const before = await stage.whenReady(namespace, name);
  const [flowing, dropsBefore] = await Promise.all([duplex.arrived(), drops()]);
  const begin = performance.now();
  await change.act();
  await stage.until('the change is enforced', async () => {
    const now = await stage.endpoint(namespace, name);
    return now !== undefined && change.enforced(before, now) ? now : undefined;
  });
  const tookMs = performance.now() - begin;
  // What was on its way between two devices when it was enforced may still be counted: a busy processor takes it up late.
  await stage.settle();
  const [atChange, sentAtChange] = await Promise.all([duplex.arrived(), duplex.sent()]);
  await stage.settle(SILENCE_MS);
  const [after, sentAfter, dropsAfter] = await Promise.all([duplex.arrived(), duplex.sent(), drops()]);
  await duplex.close();
  const since = difference(atChange, after);
  const tried = sentAfter - sentAtChange;
  return {
    id: `6.${change.id}`,
    claim: change.claim,
    tried: change.tried,
    expected: 'from then on 0 packets at either end, replies included',
    seen: joinSeen([
      `before: ${flowing.udpForward + flowing.tcpForward} to the server and ${flowing.udpReply + flowing.tcpReply} back`,
      `enforced after ${tookMs.toFixed(0)} ms`,
      `then ${plural(tried, 'frame')} sent: ${since.udpForward + since.tcpForward} at the server, ${since.udpReply + since.tcpReply} back at the client`,
    ]),
    held: tried > 0 && Object.values(since).every((count) => count === 0),
    decidedBy: dropsText(dropsSince(dropsBefore, dropsAfter)) || 'nothing dropped',
  };
}

/** 6. What a policy forbids stops, established or not; within a node and between two. */
export async function* revoke(stage: Stage): AsyncGenerator<AttackLine> {
  await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  const server = await stage.startPod({ namespace: NAMESPACE, name: 'server', labels: { role: 'server' } });
  yield* tryBoth(stage, server, server.node);
  const elsewhere = stage.nodes.otherThan(server.node);
  if (elsewhere !== undefined) yield* tryBoth(stage, server, elsewhere);
}

async function* tryBoth(stage: Stage, server: Actor, node: NodePlace): AsyncGenerator<AttackLine> {
  const suffix = node === server.node ? '' : '-across';
  const where = node === server.node ? '' : ' on another node';
  const name = `client${suffix}`;
  await admit(stage, 'client');
  const client = await stage.startPod({ namespace: NAMESPACE, name, labels: { role: 'client' }, node });
  yield await tryChange(stage, client, server, {
    id: `policy${suffix}`,
    claim: `an established connection that a new policy forbids stops at its next packet${suffix && ', between nodes as well'}`,
    tried: `TCP and UDP flow both ways between ${podName(client)} and ${podName(server)}${where}; the policy is changed`,
    act: () => admit(stage, 'nobody'),
    enforced: (before, now) => now.policyRevision !== before.policyRevision,
    teller: server,
  });
  const admitted = await stage.whenReady(NAMESPACE, 'server');
  await admit(stage, 'client');
  await stage.until('the client is admitted again', async () => {
    const now = await stage.endpoint(NAMESPACE, 'server');
    return now?.policyRevision === admitted.policyRevision ? undefined : now;
  });
  yield await tryChange(stage, client, server, {
    id: `relabel${suffix}`,
    claim: 'the same when a relabel takes the permission away',
    tried: `the same; ${podName(client)} is relabelled from role=client to role=guest`,
    act: () =>
      stage.sandbox.patch(
        { resource: 'pods', namespace: NAMESPACE, name },
        { metadata: { labels: { role: 'guest' } } },
      ),
    enforced: (before, now) => now.identity !== before.identity,
    teller: client,
  });
}
