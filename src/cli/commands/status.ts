import type { Command } from 'commander';
import type { AgentStatus, PeerView } from '../../api/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../exit.ts';
import { duration, escapeText, type Output, pad } from '../output/index.ts';

export function register(program: Command, { out, connectAll, exit }: CommandContext): void {
  program
    .command('status')
    .description('how the agents of this machine are; exit 1 when one is not ready')
    .action(async () => {
      const agents = await connectAll();
      const told = await agents.ask(async (client) => {
        const [status, peers] = await Promise.all([client.status(), client.peers()]);
        return { ...status, peers };
      });
      const all = told.map(({ answer }) => answer);
      exit(all.every(({ ready }) => ready) ? EXIT.good : EXIT.no);
      if (out.json) return await out.value(agents.are === 'one' ? all[0] : all);
      for (const [index, { peers, ...status }] of all.entries()) {
        if (index > 0) await out.line('');
        await printStatus(out, status);
        await printPeers(out, peers);
      }
    });
}

async function printStatus(out: Output, status: AgentStatus): Promise<void> {
  const { counts, flows } = status;
  const features = Object.entries(status.features).flatMap(([name, on]) => (on ? [name] : []));
  await out.fields([
    ['Node', `${status.node} (cluster ${status.cluster}, kernel ${status.kernel})`],
    ['Agent', `${status.version}, pid ${status.pid}, up ${duration(Date.now() - Date.parse(status.startedAt))}`],
    ['State', status.ready ? 'ready' : 'not ready'],
    ['Policy', policyText(status)],
    ['Endpoints', `${counts.endpointsReady} of ${counts.endpoints} ready`],
    ['Identities', `${counts.identities}`],
    ['Nodes', `${counts.nodes}`],
    ['Features', features.length === 0 ? 'none' : features.join(', ')],
    [
      'Flows',
      `${flows.seen} seen, ${flows.stored} kept, ${flows.readers} readers; lost: ${flows.lost.kernel} in the kernel, ${flows.lost.reader} at readers`,
    ],
  ]);
  for (const { name, ok, detail } of status.checks) {
    const mark = ok ? out.tone('good', 'ok  ') : out.tone('bad', 'FAIL');
    await out.line(`  ${mark} ${escapeText(pad(name, 16))} ${escapeText(detail)}`);
  }
}

/** How this node finds the others, one a line. */
async function printPeers(out: Output, peers: readonly PeerView[]): Promise<void> {
  for (const peer of peers) {
    const mark =
      peer.answers === false || peer.address === undefined ? out.tone('bad', 'FAIL') : out.tone('good', 'ok  ');
    const parts = [peer.address ?? '', peer.podCIDRs.join(' '), answerText(peer), tunnelText(peer)];
    const text = parts.filter((part) => part !== '').join('; ');
    await out.line(`  ${mark} ${escapeText(pad(`node ${peer.name}`, 16))} ${escapeText(text)}`);
  }
}

function answerText({ address, answers }: PeerView): string {
  if (address === undefined) return 'it has no IPv4 address, and its pods are not reached';
  if (answers === undefined) return '';
  return answers ? 'answers' : 'DOES NOT ANSWER on the network of the nodes';
}

function tunnelText({ tunnel }: PeerView): string {
  if (tunnel === undefined) return 'no tunnel';
  const { connections, unanswered, idleSeconds } = tunnel;
  if (idleSeconds === undefined) return 'tunnel not in use';
  const waiting = unanswered === 0 ? '' : `, ${unanswered} without an answer yet`;
  return `tunnel: ${connections} connections${waiting}, last packet ${duration(idleSeconds * 1_000)} ago`;
}

/** That nothing is wrong is not to be read as that somebody is isolated. */
function policyText({ ready, counts, policyEnforcement, policyRevision }: AgentStatus): string {
  // An agent knows its own Node before it decides anything.
  if (!ready && counts.nodes === 0) return 'not known yet: new pods stay closed until it is';
  const open = policyEnforcement === 'never' || (counts.policies === 0 && policyEnforcement === 'default');
  const effect = open ? ': NOTHING IS ISOLATED, every pod may talk to every pod' : '';
  return `${counts.policies} policies, enforcement ${policyEnforcement}, revision ${policyRevision}${effect}`;
}
