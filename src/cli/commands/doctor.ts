import type { Command } from 'commander';
import type { Finding, Severity } from '../../api/index.ts';
import type { Told } from '../agents.ts';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../exit.ts';
import { escapeText, pad, type Tone } from '../output/index.ts';

/** From worst to best. */
const TONES: Readonly<Record<Severity, Tone>> = { critical: 'bad', warning: 'warn', info: 'bold', ok: 'good' };
const SEVERITIES = Object.keys(TONES) as Severity[];

export function register(program: Command, { out, connectAll, exit }: CommandContext): void {
  program
    .command('doctor')
    .description('say what on this machine and node weakens Membrane or is missing; exit 1 when something is critical')
    .action(async () => {
      const { agentFindings, machineFindings } = await import('../checks.ts');
      const found: Told<Finding>[] = [...machineFindings(), ...(await agentFindings(connectAll))];
      const counts = new Map(SEVERITIES.map((one) => [one, found.filter(({ severity }) => severity === one).length]));
      exit(counts.get('critical') === 0 ? EXIT.good : EXIT.no);
      const findings = SEVERITIES.flatMap((one) => found.filter(({ severity }) => severity === one));
      if (out.json) return await out.value(findings);
      const several = findings.some(({ node }) => node !== undefined);
      const nodes = several ? Math.max(...findings.map(({ node = '' }) => node.length)) + 2 : 0;
      const widths = { severity: width(findings, 'severity'), check: width(findings, 'check') };
      const indent = ' '.repeat(widths.severity + widths.check + 4 + nodes);
      for (const { node = '', severity, check, evidence, remedy } of findings) {
        const mark = out.tone(TONES[severity], pad(severity, widths.severity));
        await out.line(
          `${mark}  ${pad(escapeText(node), nodes)}${escapeText(pad(check, widths.check))}  ${escapeText(evidence)}`,
        );
        if (remedy !== undefined) await out.line(`${indent}${out.tone('dim', `-> ${escapeText(remedy)}`)}`);
      }
      await out.line(Array.from(counts, ([severity, count]) => `${count} ${severity}`).join(', '));
    });
}

function width(findings: readonly Told<Finding>[], field: 'severity' | 'check'): number {
  return Math.max(...findings.map((finding) => finding[field].length));
}
