import { inNetnsArgv, run, setSysctls } from '../../sandbox/index.ts';
import { type AttackLine, dropsSince, dropsText, joinSeen } from '../stage/index.ts';
import { ANSWERED_MS, ask, BOTH, type Seat, startAnswer, statesText } from '../tools/index.ts';
import {
  type Attacker,
  CLAIM,
  LOCALNET,
  LOOPBACK,
  type LoopbackAttack,
  onlyLoopback,
  PORTS,
} from './loopback-attack.ts';

/** A pod's 127.0.0.1 is its own, whatever the port. */
export async function ownLoopbackLine({ stage, servers }: LoopbackAttack, seat: Seat): Promise<AttackLine> {
  const ports = Object.values(PORTS);
  const questions = ports.flatMap((port) =>
    BOTH.flatMap((protocol) => [false, true].map((mapped) => ({ to: LOOPBACK, port, protocol, mapped }))),
  );
  const everything = (timeoutMs?: number) =>
    Promise.all(questions.map((question) => ask(seat, { ...question, ...(timeoutMs && { timeoutMs }) })));
  const alone = await everything();
  for (const port of ports) stage.own(await startAnswer(seat, { at: LOOPBACK, port, text: 'own' }));
  const own = await everything(ANSWERED_MS);
  const check = await servers.check();
  const byOwn = own.filter(({ text }) => text.startsWith('own '));
  return {
    id: '10.pod-own-loopback',
    claim: CLAIM,
    tried: `a program in a pod connects to ${LOOPBACK}, both ports, TCP and UDP, through IPv4 and IPv6 sockets; then the pod has servers there itself`,
    expected: "nobody answers; then the pod's own servers",
    seen: joinSeen([`first ${statesText(alone)}`, `then ${statesText(own)}, ${byOwn.length} by its own`, check.text]),
    held:
      alone.every(({ state }) => state === 'ECONNREFUSED' || state === 'silent') &&
      byOwn.length === questions.length &&
      check.strangers === 0 &&
      check.answersLocal,
    decidedBy: "connect and sendmsg hooks: 127/8 is a node port in the node's own namespace only",
  };
}

/** Everything for it that somebody with all privileges in his own namespace can do. */
export async function routeLoopback(netns: string, gateway: string): Promise<void> {
  await setSysctls(netns, { [LOCALNET]: 1 });
  const commands = ['addr del 127.0.0.1/8 dev lo', `route add 127.0.0.0/8 via ${gateway} dev eth0`];
  await run(inNetnsArgv(netns, ['ip', '-batch', '-']), { input: `${commands.join('\n')}\n` });
}

type SocketAttempt = { readonly id: string; readonly tried: string; readonly seat: Seat; readonly device?: string };

/** Kernel sockets whose packets leave towards the node with a loopback destination. */
export async function socketLine(
  { stage, servers }: LoopbackAttack,
  attacker: Attacker,
  { id, tried, seat, device }: SocketAttempt,
): Promise<AttackLine> {
  const before = await attacker.source.drops();
  const questions = Object.values(PORTS).flatMap((port) => BOTH.map((protocol) => ({ to: LOOPBACK, port, protocol })));
  const told = await Promise.all(questions.map((question) => ask(seat, { ...question, ...(device && { device }) })));
  const drops = await stage.inTheEnd(
    async () => dropsSince(before, await attacker.source.drops()),
    (found) => onlyLoopback(found) >= questions.length,
  );
  const check = await servers.check();
  return {
    id,
    claim: CLAIM,
    tried: `${tried}, ports ${Object.values(PORTS).join(' and ')}, TCP and UDP`,
    expected: 'no answer, its packets dropped as loopback-address, and the servers answer a local process',
    seen: joinSeen([statesText(told), check.text]),
    held:
      told.every(({ state }) => state === 'silent') &&
      onlyLoopback(drops) >= questions.length &&
      check.strangers === 0 &&
      check.answersLocal,
    decidedBy: `${attacker.where}: ${dropsText(drops) || 'nothing dropped'}`,
  };
}
