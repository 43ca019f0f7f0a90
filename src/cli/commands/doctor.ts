import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../exit.ts';
import { escapeText, pad } from '../output/index.ts';

export function registerDoctor(program: Command, { out, connect, exit }: CommandContext): void {
  program
    .command('doctor')
    .description(
      'check what Membrane needs of this machine, and the agent when one runs; exit 1 when something is missing',
    )
    .action(async () => {
      const { agentChecks, machineChecks } = await import('../checks.ts');
      const checks = [...machineChecks(), ...(await agentChecks(connect))];
      exit(checks.every((check) => check.ok) ? EXIT.good : EXIT.no);
      if (out.json) return await out.value(checks);
      const width = Math.max(...checks.map((check) => check.name.length));
      for (const { name, ok, detail } of checks) {
        const mark = ok ? out.tone('good', 'ok  ') : out.tone('bad', 'FAIL');
        await out.line(`${mark} ${escapeText(pad(name, width))}  ${escapeText(detail)}`);
      }
    });
}
