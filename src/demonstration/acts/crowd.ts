import {
  type AttackLine,
  Duplex,
  dropCountsOf,
  dropsSince,
  dropsText,
  joinSeen,
  plural,
  type Stage,
  sumDrops,
} from '../stage/index.ts';

const ATTACKER = 'crowd-b';
const VICTIM = 'crowd-a';
/** As many as make a policy of a third of a megabyte. */
const RULES = 100;
const BLOCKS = 20;
const RANGES = 40;
const POLICIES = 3;
/** For how long nothing may arrive any more, ms. */
const SILENCE_MS = 500;

/** Every rule has peers and ports of its own, and one is for everybody: the worst for tables, whatever their shape. */
function huge(name: string, index: number) {
  const ports = Array.from({ length: RANGES }, (_, range) => ({
    protocol: 'TCP',
    port: 1 + range * 1500 + index,
    endPort: 700 + range * 1500,
  }));
  const ingress = Array.from({ length: RULES }, (_, rule) => ({
    from: Array.from({ length: BLOCKS }, (__, block) => ({
      ipBlock: { cidr: `203.${index}.${rule}.${block}/32` },
    })),
    ports: ports.map((range) => ({ ...range, port: range.port + rule })),
  }));
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: ATTACKER, name },
    spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ ports }, ...ingress] },
  };
}

/** 16. One tenant's huge policies cost another nothing. */
export async function* crowd(stage: Stage): AsyncGenerator<AttackLine> {
  for (const name of [ATTACKER, VICTIM]) await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const [, client, server] = await Promise.all([
    stage.startPod({ namespace: ATTACKER, name: 'crowd', labels: { role: 'crowd' } }),
    stage.startPod({ namespace: VICTIM, name: 'client', labels: { role: 'client' } }),
    stage.startPod({ namespace: VICTIM, name: 'server', labels: { role: 'server' } }),
  ]);
  const duplex = await Duplex.open(stage, client, server);
  const drops = async () => sumDrops(dropCountsOf(await stage.endpoint(VICTIM, 'client')));
  const [flowing, dropsBefore] = await Promise.all([duplex.arrived(), drops()]);
  const before = (await stage.whenReady(VICTIM, 'server')).policyRevision;

  const policies = Array.from({ length: POLICIES }, (_, index) => huge(`huge-${index}`, index));
  const size = policies.reduce((sum, policy) => sum + JSON.stringify(policy).length, 0);
  for (const policy of policies) await stage.apply(policy);
  const begin = performance.now();
  await stage.apply({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: VICTIM, name: 'deny' },
    spec: { podSelector: { matchLabels: { role: 'server' } }, policyTypes: ['Ingress'] },
  });
  await stage.until('the default deny is in force', async () => {
    const now = await stage.endpoint(VICTIM, 'server');
    return now !== undefined && now.policyRevision !== before ? now : undefined;
  });
  const tookMs = performance.now() - begin;
  // What was on its way between two devices may still be counted: a busy processor takes it up late.
  await stage.settle();
  const [atChange, sentAtChange] = await Promise.all([duplex.arrived(), duplex.sent()]);
  await stage.settle(SILENCE_MS);
  const [after, sentAfter, dropsAfter] = await Promise.all([duplex.arrived(), duplex.sent(), drops()]);
  await duplex.close();
  const since = after.udpForward + after.tcpForward - atChange.udpForward - atChange.tcpForward;
  const tried = sentAfter - sentAtChange;
  yield {
    id: '16.deny',
    claim: "a tenant's default deny is in force at once, whatever another tenant's policies ask for",
    tried: `tenant B writes ${POLICIES} policies, ${Math.round(size / 1000)} kB, about one pod; then tenant A isolates a pod that is talked to`,
    expected: "from then on 0 packets of A's client at A's server",
    seen: joinSeen([
      `before: ${flowing.udpForward + flowing.tcpForward} at the server`,
      `in force ${tookMs.toFixed(0)} ms after it was written`,
      `then ${plural(tried, 'frame')} sent: ${since} at the server`,
    ]),
    held: tried > 0 && since === 0,
    decidedBy: dropsText(dropsSince(dropsBefore, dropsAfter)),
  };
}
