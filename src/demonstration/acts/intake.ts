import { parseAddr } from '../../net/index.ts';
import { inNetnsArgv, type JsonObject, attempt as runToEnd } from '../../sandbox/index.ts';
import { type Actor, type AttackLine, joinSeen, plural, podName, type Stage } from '../stage/index.ts';
import { ANSWERED_MS, patience } from '../tools/index.ts';
import { attempt } from './reach.ts';

const NAMESPACE = 'intake';
const PORT = 8080;
const PINGS = 5;
const WORLD_ADDRESS = parseAddr('198.51.100.1');

function policy(name: string, app: string, rest: JsonObject) {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace: NAMESPACE },
    spec: { podSelector: { matchLabels: { app } }, ...rest },
  };
}

/** Does it, and waits until another table of the pod is in force. */
async function changing(stage: Stage, pod: Actor, change: () => Promise<void>): Promise<void> {
  const before = (await stage.whenReady(pod.namespace, pod.name)).policyRevision;
  await change();
  await stage.until('the policy is in force', async () => {
    const now = await stage.endpoint(pod.namespace, pod.name);
    // It may have been closed before its table was written.
    const isWritten = (await stage.api.metrics()).includes('\nmembrane_policy_building_tables 0\n');
    return now === undefined || now.policyRevision === before || !isWritten ? undefined : now;
  });
}

/** A policy for the server, said in a way that its agent does not know. */
async function* later(stage: Stage, client: Actor, server: Actor): AsyncGenerator<AttackLine> {
  const open = await attempt(stage, client, server, PORT, ANSWERED_MS);
  const rule = { from: [{ podSelector: {}, onlyWithMutualTls: true }] };
  await changing(stage, server, () => stage.applyLater(policy('later', 'server', { ingress: [rule] })));
  const closed = await attempt(stage, client, server, PORT);
  yield {
    id: '15.later',
    claim: 'a rule with a field of a later version admits nobody, and its policy isolates',
    tried: `${podName(client)} connects to ${podName(server)}, before and after the policy is there`,
    expected: 'reaches the pod before, nothing arrives after',
    seen: joinSeen([
      `before: ${open.state}, ${plural(open.arrived, 'packet')}`,
      `after: ${closed.state}, ${plural(closed.arrived, 'packet')}`,
    ]),
    held: open.arrived > 0 && closed.arrived === 0,
    decidedBy: closed.decidedBy,
  };
  const event = await stage.until('an event on the policy', async () =>
    (await stage.sandbox.list('events', NAMESPACE)).find((one) => one['reason'] === 'PolicyUnreadable'),
  );
  const { state, detail = '' } = await stage.api.policy({ namespace: NAMESPACE, name: 'later' });
  const said = JSON.stringify(event['message']);
  yield {
    id: '15.told',
    claim: 'and whoever wrote it is told',
    tried: 'kubectl describe networkpolicy, membrane policy list',
    expected: 'the field and what follows from it',
    seen: joinSeen([`event ${said}`, `policy list: ${state}`]),
    held: state === 'unreadable' && [said, detail].every((text) => text.includes('onlyWithMutualTls')),
    decidedBy: 'what was read of the policy',
  };
}

async function pings(netns: string, to: string): Promise<number> {
  const argv = ['ping', '-n', '-q', '-i', '0.02', '-w', '1', '-c', String(PINGS), to];
  const { stdout } = await runToEnd(inNetnsArgv(netns, argv), { timeoutMs: patience(5_000) });
  return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
}

/** A policy that opens all of IPv6, in whose 128 bits IPv4 lies. */
async function* six(stage: Stage, client: Actor, server: Actor): AsyncGenerator<AttackLine> {
  const everywhere = [{ ipBlock: { cidr: '::/0' } }];
  await changing(stage, server, () =>
    stage.apply(
      policy('later', 'server', {
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: everywhere }],
        egress: [{ to: everywhere }],
      }),
    ),
  );
  const both = async (pod: Actor): Promise<number[]> =>
    await Promise.all([pings(stage.worldNetns, pod.ip), pings(pod.netns, WORLD_ADDRESS)]);
  const isAnswered = (counts: readonly number[]): boolean => counts.every((count) => count > 0);
  const [control, closed] = await Promise.all([stage.inTheEnd(() => both(client), isAnswered), both(server)]);
  const { verdict, steps } = await stage.api.trace({ from: podName(server), to: WORLD_ADDRESS, protocol: 'ICMP' });
  yield {
    id: '15.six',
    claim: 'ipBlock ::/0 opens nothing of IPv4',
    tried: `${podName(server)} may talk to ::/0 only; pings with the world over IPv4, both ways`,
    expected: 'no answer, as policy trace says; a pod without policy has them all',
    seen: joinSeen([
      `in ${closed[0] ?? 0}, out ${closed[1] ?? 0} of ${PINGS}; trace: ${verdict}`,
      `without policy: in ${control[0] ?? 0}, out ${control[1] ?? 0}`,
    ]),
    held: verdict === 'denied' && closed.every((count) => count === 0) && isAnswered(control),
    decidedBy: steps.at(-1)?.reason ?? '',
  };
}

/** 15. What a policy says and its agent does not know, and what it says of another family. */
export async function* intake(stage: Stage): AsyncGenerator<AttackLine> {
  await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  const [client, server] = await Promise.all([
    stage.startPod({ namespace: NAMESPACE, name: 'client', labels: { app: 'client' } }),
    stage.startPod({ namespace: NAMESPACE, name: 'server', labels: { app: 'server' } }),
  ]);
  yield* later(stage, client, server);
  yield* six(stage, client, server);
}
