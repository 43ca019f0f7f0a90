import { parseAddr } from '../../net/index.ts';
import { inNetnsArgv, run, uplinkPort } from '../../sandbox/index.ts';
import { type FrameCase, podFrame, udp, unfinishedCases } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  joinSeen,
  type Place,
  plural,
  podSource,
  runCases,
  type Stage,
  sendCase,
} from '../stage/index.ts';

const NAMESPACE = 'unfinished';
const OUTSIDE = parseAddr('198.51.100.1');
const PORT = 5353;
const FORBIDDEN_PORT = 25;

/** A pod that may send to one port of one address outside, and nowhere else. */
async function confined(stage: Stage): Promise<Actor> {
  await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  const ports = ['TCP', 'UDP'].map((protocol) => ({ protocol, port: PORT }));
  await stage.apply({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: NAMESPACE, name: 'one-port-outside' },
    spec: {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [{ to: [{ ipBlock: { cidr: `${OUTSIDE}/32` } }], ports }],
    },
  });
  return await stage.startPod({ namespace: NAMESPACE, name: stage.fresh('raw'), labels: { app: 'raw' } });
}

/** As with a card that leaves checksums to the kernel: what is unfinished is finished behind the verdict. */
async function finishAtUplink(stage: Stage): Promise<void> {
  const offload = (state: 'on' | 'off') =>
    run(inNetnsArgv(stage.node.netnsPath, ['ethtool', '-K', 'eth0', 'tx', state]));
  stage.afterwards(() => offload('on'));
  await offload('off');
}

/** 17. What a raw socket may ask of the kernel (PACKET_VNET_HDR), with a container's default capabilities. */
export async function* unfinished(stage: Stage): AsyncGenerator<AttackLine> {
  const attacker = await confined(stage);
  await finishAtUplink(stage);
  const places: Place[] = [
    { name: 'world', netns: stage.worldNetns, devices: [uplinkPort(stage.node)] },
    { name: 'node', netns: stage.node.netnsPath, local: true },
  ];
  yield await honest(stage, attacker, places);
  yield* runCases(stage, {
    group: '17',
    claim: 'what was judged is what leaves, whatever the kernel is asked to write into it afterwards',
    attacker,
    cases: unfinishedCases({ attacker, to: OUTSIDE, port: PORT, forbiddenPort: FORBIDDEN_PORT }),
    places,
  });
}

/** Else the lines that follow would prove nothing. */
async function honest(stage: Stage, attacker: Actor, places: readonly Place[]): Promise<AttackLine> {
  const one: FrameCase = {
    name: 'honest',
    tried: 'a datagram to the one port it may send to, its checksum left to the kernel where it belongs',
    reason: 'none',
    unfinished: '34:6',
    frames: (marker) => [podFrame(attacker, OUTSIDE, udp(40_100, PORT, marker))],
  };
  const { sent, arrived, lost } = await sendCase(stage, { source: podSource(stage, attacker), one, places });
  const world = arrived['world'] ?? 0;
  return {
    id: `17.${one.name}`,
    claim: 'a checksum that is left to the kernel costs an honest pod nothing',
    tried: one.tried,
    expected: 'all of them arrive outside',
    seen: joinSeen([`${plural(sent, 'frame')} sent`, `arrived: world ${world}`]),
    held: sent > 0 && lost === 0 && world === sent,
    decidedBy: `NetworkPolicy ${NAMESPACE}/one-port-outside`,
  };
}
