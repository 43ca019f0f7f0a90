import type { Command } from 'commander';
import type { CommandContext } from '../../context.ts';
import { EXIT } from '../../exit.ts';
import { escapeText } from '../../output/index.ts';

const EXIT_CODES = `
Exit codes: 0 nothing, or only what is worth a look; 1 something is very likely a mistake; 2, 3, 4 as everywhere.`;

export function registerLint(policy: Command, { out, connectAll, exit }: CommandContext): void {
  policy
    .command('lint')
    .description('what of policies, namespaces and services is hardly meant as it stands; exit 1 for a likely mistake')
    .option('-f, --file <path>', 'look at the policies of this file, thought over what is in force; nothing is written')
    .addHelpText('after', EXIT_CODES)
    .action(async ({ file }: { file?: string }) => {
      const proposed = file === undefined ? undefined : await (await import('../../policy-file.ts')).readPolicies(file);
      // Every agent knows all policies: any of them says the same.
      const [agent] = (await connectAll()).all;
      const { findings } = (await agent?.client.lint({ proposed })) ?? { findings: [] };
      exit(findings.some(({ severity }) => severity === 'warning') ? EXIT.no : EXIT.good);
      if (out.json) return await out.value(findings);
      for (const { severity, rule, object, field, why, remedy } of findings) {
        const mark = out.tone(severity === 'warning' ? 'warn' : 'bold', severity.padEnd(7));
        const where = field === undefined ? object : `${object} ${field}`;
        await out.line(`${mark}  ${escapeText(where)}: ${escapeText(why)} [${escapeText(rule)}]`);
        await out.line(`         ${out.tone('dim', `-> ${escapeText(remedy)}`)}`);
      }
      if (findings.length === 0) await out.line('Nothing to say.');
    });
}
