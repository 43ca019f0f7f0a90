import { parseAddr } from '../../net/index.ts';
import { setSysctls } from '../../sandbox/index.ts';
import { disabledProtocolCases, type SpoofScene, spoofCases } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  BACKEND_PORT,
  placesOf,
  runCases,
  type Stage,
  tenantScene,
} from '../stage/index.ts';

/** Keeps the attacker's own kernel quiet, so that every drop counted is one of ours. */
async function quiet(actor: Actor): Promise<Actor> {
  await setSysctls(actor.netns, { 'net/ipv6/conf/all/disable_ipv6': 1 });
  return actor;
}

/** An attacker with a container's default capabilities, CAP_NET_RAW among them, in the namespace of its victims. */
export async function rawScene(stage: Stage): Promise<{ attacker: Actor; scene: SpoofScene; victim: Actor }> {
  const { frontend, backend } = await tenantScene(stage, 'tenant-a');
  const name = stage.fresh('raw');
  const attacker = await quiet(await stage.startPod({ namespace: 'tenant-a', name, labels: { app: 'raw' } }));
  const scene = {
    attacker,
    friend: frontend,
    victim: backend,
    victimPort: BACKEND_PORT,
    node: parseAddr(stage.node.ip),
  };
  return { attacker, scene, victim: backend };
}

/** 3. A pod is what its device says, whatever it writes into its frames. */
export async function* spoof(stage: Stage): AsyncGenerator<AttackLine> {
  const { attacker, scene, victim } = await rawScene(stage);
  yield* runCases(stage, {
    group: '3',
    claim: 'a pod with CAP_NET_RAW cannot be anybody else',
    attacker,
    cases: spoofCases(scene),
    places: placesOf(stage, victim),
  });
}

/** 4. What is not enabled does not pass. */
export async function* disabledProtocols(stage: Stage): AsyncGenerator<AttackLine> {
  const { attacker, scene, victim } = await rawScene(stage);
  yield* runCases(stage, {
    group: '4',
    claim: 'IPv6 and unknown protocols are not enabled, so they do not pass',
    attacker,
    cases: disabledProtocolCases(scene),
    places: placesOf(stage, victim),
  });
}
