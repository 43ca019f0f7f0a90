import type { Command } from 'commander';
import type { AgentStatus } from '../../api/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../exit.ts';
import { duration, escapeText, type Output, pad } from '../output/index.ts';

export function register(program: Command, { out, connectAll, exit }: CommandContext): void {
  program
    .command('status')
    .description('how the agents of this machine are; exit 1 when one is not ready')
    .action(async () => {
      const agents = await connectAll();
      const all = (await agents.ask((client) => client.status())).map(({ answer }) => answer);
      exit(all.every(({ ready }) => ready) ? EXIT.good : EXIT.no);
      if (out.json) return await out.value(agents.are === 'one' ? all[0] : all);
      for (const [index, status] of all.entries()) {
        if (index > 0) await out.line('');
        await printStatus(out, status);
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

/** That nothing is wrong is not to be read as that somebody is isolated. */
function policyText({ counts, policyEnforcement, policyRevision }: AgentStatus): string {
  const open = policyEnforcement === 'never' || (counts.policies === 0 && policyEnforcement === 'default');
  const effect = open ? ': NOTHING IS ISOLATED, every pod may talk to every pod' : '';
  return `${counts.policies} policies, enforcement ${policyEnforcement}, revision ${policyRevision}${effect}`;
}
