import { type Command, Option } from 'commander';
import type { VerifyView } from '../../api/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../exit.ts';
import { escapeText } from '../output/index.ts';

type VerifyOptions = {
  readonly tenant?: string;
  readonly from?: string;
  readonly to?: string;
  readonly against?: 'intent' | 'kernel';
  readonly report?: string;
};

export function register(program: Command, { out, connectAll, exit }: CommandContext): void {
  program
    .command('verify')
    .description(
      'prove for all packets that tenants are apart and that the kernel is as it is meant; exit 1 when it is not, or when --to is reached',
    )
    .option('--tenant <name>', 'only what concerns this tenant')
    .option('--from <end>', 'namespace/pod, namespace:NAME, tenant:NAME, an address, world, host, ...')
    .option('--to <end>', 'likewise: can any packet reach it?')
    .addOption(
      new Option(
        '--against <account>',
        'what objects say, or what the maps say; without it the maps, compared with the objects',
      ).choices(['intent', 'kernel']),
    )
    .option('--report <file>', 'write it for an auditor, as HTML')
    .action(async ({ report, ...request }: VerifyOptions) => {
      if ((request.from === undefined) !== (request.to === undefined)) {
        const { cliErrors } = await import('../errors.ts');
        throw cliErrors.make('E_CLI_USAGE', { detail: '--from and --to go together' });
      }
      const agents = await connectAll();
      const views = await verified(agents, request);
      const isWhole = agents.silent.length === 0;
      exit(isWhole && views.every(({ good }) => good) ? EXIT.good : EXIT.no);
      if (report !== undefined) {
        const { writeReport } = await import('./verify/report.ts');
        await writeReport(report, { views, silent: agents.silent });
      }
      if (out.json) return await out.value(agents.are === 'several' ? views : views[0]);
      for (const view of views) {
        for (const line of linesOf(view)) await out.line(escapeText(line));
      }
      for (const node of agents.silent)
        await out.line(escapeText(`${node}: nothing is proved: its agent does not answer`));
    });
}

/** An end that only one node knows is asked for there. */
async function verified(
  agents: Awaited<ReturnType<CommandContext['connectAll']>>,
  request: Omit<VerifyOptions, 'report'>,
): Promise<VerifyView[]> {
  const answers = await Promise.allSettled(agents.all.map(async ({ client }) => await client.verify(request)));
  const views = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const failed = answers.find((answer) => answer.status === 'rejected');
  const mayBeUnknown = request.from !== undefined && views.length > 0;
  if (failed !== undefined && !(mayBeUnknown && isUnknown(failed.reason))) throw failed.reason;
  return views;
}

function isUnknown(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'E_AGENT_NOT_FOUND';
}

const STANDINGS = ['isolated', 'shared', 'together', 'empty', 'broken'] as const;

export function linesOf({ node, counts, pairs, differences, more, asked, revision, tookMs }: VerifyView): string[] {
  const lines: string[] = [];
  const found = STANDINGS.map((one) => [one, pairs.filter(({ standing }) => standing === one).length] as const);
  const sums = found.flatMap(([one, count]) => (count === 0 ? [] : [`${count} ${one}`])).join(', ');
  lines.push(
    `${node}: ${pairs.length} pairs of tenants: ${sums || 'none'}; ${counts.endpoints} pods here of ${counts.identities} identities, ${counts.policies} policies${counts.frontends === undefined ? '' : `, ${counts.frontends} frontends of services`}, revision ${revision}, in ${tookMs} ms`,
  );
  for (const { from, to, standing, example } of pairs) {
    if (standing === 'broken') lines.push(`  BROKEN ${tenantText(from)} -> ${tenantText(to)}`);
    if (standing === 'shared') {
      const by =
        example === undefined ? 'policies let none of it pass' : `${example.from} -> ${example.to} ${example.packets}`;
      lines.push(`  shared ${tenantText(from)} -> ${tenantText(to)}: ${by}`);
    }
  }
  for (const { layer, effect, direction, from, to, packets, pairs: count, rows, meant, packet } of differences) {
    const who = from === undefined ? '' : ` ${from} -> ${to}`;
    const what =
      effect === 'opens'
        ? 'lets pass what is not meant'
        : effect === 'closes'
          ? 'drops what is meant to pass'
          : 'is not as it is meant';
    const where = direction === undefined ? layer : `${layer} at ${direction}`;
    lines.push(`  ALARM ${where}: the kernel ${what}:${who} ${packets ?? ''}`.trimEnd());
    for (const row of rows) lines.push(`    in the kernel: ${row}`);
    for (const text of meant) lines.push(`    meant: ${text}`);
    if (count > 1) lines.push(`    of ${count} pairs the same is true`);
    if (packet !== undefined) lines.push(`    ${packetText(packet)}`);
  }
  if (more > 0) lines.push(`  and ${more} more differences`);
  if (differences.length === 0) lines.push('  the kernel is as it is meant');
  if (asked === undefined) return lines;
  lines.push(
    asked.reached.length === 0
      ? `  no packet reaches ${asked.to} from ${asked.from} (${asked.pairs} pairs)`
      : `  ${asked.to} is reached from ${asked.from}:`,
  );
  for (const { from, to, packets, why, packet } of asked.reached) {
    lines.push(`    ${from} -> ${to}: ${packets}`);
    for (const reason of why) lines.push(`      because ${reason}`);
    if (packet !== undefined) lines.push(`      ${packetText(packet)}`);
  }
  if (asked.more > 0) lines.push(`    and ${asked.more} more pairs`);
  return lines;
}

function packetText({
  from,
  to,
  backend,
  protocol,
  port,
  claimed,
  sent,
  detail,
}: NonNullable<VerifyView['differences'][number]['packet']>): string {
  const turned = backend === undefined ? '' : ` is turned to ${backend} and`;
  const packet = `packet ${from} -> ${to} ${protocol}${port === undefined ? '' : ` ${port}`}${turned} ${claimed}`;
  const why = detail === undefined ? '' : ` (${detail})`;
  return sent === undefined ? `${packet}; not sent${why}` : `${packet}; sent through the programs: ${sent}${why}`;
}

const tenantText = (name: string): string => (name === '' ? '(none)' : name);
