import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../exit.ts';
import { duration, escapeText, pad } from '../output/index.ts';

export function registerStatus(program: Command, { out, connect, exit }: CommandContext): void {
  program
    .command('status')
    .description('how the agent of this node is; exit 1 when it is not ready')
    .action(async () => {
      const status = await (await connect()).status();
      exit(status.ready ? EXIT.good : EXIT.no);
      if (out.json) return await out.value(status);
      const { counts, flows } = status;
      const features = Object.entries(status.features).flatMap(([name, on]) => (on ? [name] : []));
      await out.fields([
        ['Node', `${status.node} (cluster ${status.cluster}, kernel ${status.kernel})`],
        ['Agent', `${status.version}, pid ${status.pid}, up ${duration(Date.now() - Date.parse(status.startedAt))}`],
        ['State', status.ready ? 'ready' : 'not ready'],
        [
          'Policy',
          `${counts.policies} policies, enforcement ${status.policyEnforcement}, revision ${status.policyRevision}`,
        ],
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
    });
}
