import { type Command, InvalidArgumentError } from 'commander';
import type { ReplayView } from '../../../api/index.ts';
import { nameParts, parseNamespacedName } from '../../../base/index.ts';
import { moment } from '../../arguments.ts';
import type { CommandContext } from '../../context.ts';
import { EXIT } from '../../exit.ts';
import { escapeText } from '../../output/index.ts';

type Pair = ReplayView['pairs'][number];
type Deleted = { readonly kind?: string; readonly namespace?: string; readonly name: string };

const EXIT_CODES = `
Exit codes: 0 all that flowed would still flow; 1 something would not, or not all could be judged; 2, 3, 4 as everywhere.`;

export function registerWhatIf(policy: Command, { out, connectAll, exit }: CommandContext): void {
  policy
    .command('what-if')
    .description(
      'what policies that are not in force would have done to the flows that were recorded; nothing is written',
    )
    .option('-f, --file <path>', 'what is there of the same kind and name is thought replaced, the rest added')
    .option('--delete <[kind/]namespace/name>', 'think this policy gone; may be repeated', gatherDeleted)
    .option('--staged', 'think staged policies enforced, those of the file too', false)
    .option('--since <time>', 'only flows since 30s, 5m, 2h or 1d ago, or since a time', moment)
    .addHelpText('after', EXIT_CODES)
    .action(async ({ file, delete: deleted = [], staged, since }: Options) => {
      if (file === undefined && deleted.length === 0 && !staged) {
        const { cliErrors } = await import('../../errors.ts');
        throw cliErrors.make('E_CLI_USAGE', { detail: 'none of --file, --delete and --staged says what would change' });
      }
      const { readChange } = await import('../../policy-file.ts');
      const proposed = file === undefined ? [] : await readChange(file);
      const agents = await connectAll();
      const told = await agents.ask((client) => client.replay({ proposed, deleted, staged, since }));
      const views = told.map(({ answer }) => answer);
      const found = together(views);
      const isWhole = agents.silent.length === 0 && found.unjudged.length === 0;
      exit(found.stops.flows === 0 && isWhole ? EXIT.good : EXIT.no);
      if (out.json) return await out.value({ ...found, silent: agents.silent });
      for (const line of linesOf(found)) await out.line(escapeText(line));
      for (const node of agents.silent)
        await out.line(escapeText(`${node}: nothing is known of its flows: its agent does not answer`));
    });
}

type Options = {
  readonly file?: string;
  readonly delete?: readonly Deleted[];
  readonly staged: boolean;
  readonly since?: number;
};

function gatherDeleted(text: string, before: readonly Deleted[] = []): Deleted[] {
  const [, kind, rest = ''] = /^(?:([A-Z][A-Za-z]*)\/)?(.+)$/.exec(text) ?? [];
  const name = parseNamespacedName(rest);
  if (name === undefined) throw new InvalidArgumentError('Write it as namespace/name, or as Kind/namespace/name.');
  const parts = nameParts(name);
  return [
    ...before,
    { ...(kind && { kind }), ...(parts.namespace && { namespace: parts.namespace }), name: parts.name },
  ];
}

type Sum = { readonly flows: number; readonly pairs: number };
export type Found = {
  readonly stops: Sum;
  readonly opens: Sum;
  readonly pairs: readonly Pair[];
  readonly flows: ReplayView['flows'];
  readonly lost: ReplayView['lost'];
  readonly past: ReplayView['past'];
  readonly unjudged: ReplayView['unjudged'];
};

/** Of several nodes: a connection between two of them was seen at both. */
export function together(views: readonly ReplayView[]): Found {
  const pairs = new Map<string, Pair>();
  for (const pair of views.flatMap((view) => view.pairs)) {
    const key = [pair.change, pair.from, pair.to, pair.protocol, pair.port].join(' ');
    const known = pairs.get(key);
    pairs.set(key, known === undefined || known.flows < pair.flows ? pair : known);
  }
  const all = [...pairs.values()].sort((a, b) => b.flows - a.flows);
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
  const of = (change: Pair['change']): Sum => {
    const some = all.filter((pair) => pair.change === change);
    const beyond = sum(views.map((view) => view.beyond[change]));
    return { flows: sum(some.map(({ flows }) => flows)) + beyond, pairs: some.length };
  };
  const unjudged = new Map<string, number>();
  for (const { why, flows } of views.flatMap((view) => view.unjudged))
    unjudged.set(why, (unjudged.get(why) ?? 0) + flows);
  const each = (read: (view: ReplayView) => number): number => sum(views.map(read));
  return {
    stops: of('stops'),
    opens: of('opens'),
    pairs: all,
    flows: { opened: each(({ flows }) => flows.opened), dropped: each(({ flows }) => flows.dropped) },
    lost: {
      kernel: each(({ lost }) => lost.kernel),
      store: each(({ lost }) => lost.store),
      reader: each(({ lost }) => lost.reader),
    },
    past: { judgedAnew: each(({ past }) => past.judgedAnew), gone: each(({ past }) => past.gone) },
    unjudged: Array.from(unjudged, ([why, flows]) => ({ why, flows })),
  };
}

const SHOWN = 100;

/** `would deny 41 flows of 3 pairs, would newly allow 2`, and which. */
export function linesOf({ stops, opens, pairs, flows, lost, past, unjudged }: Found): string[] {
  const lines = [
    `would deny ${count(stops.flows, 'flow')} of ${count(stops.pairs, 'pair')}, would newly allow ${opens.flows}${opens.flows === 0 ? '' : ` of ${count(opens.pairs, 'pair')}`}`,
  ];
  for (const { change, from, to, protocol, port, flows: times, reason } of pairs.slice(0, SHOWN)) {
    const what = `${change === 'stops' ? 'deny ' : 'allow'} ${from} -> ${to} ${protocol}${port === undefined ? '' : ` ${port}`}`;
    lines.push(`  ${what}  ${count(times, 'flow')}`, `        ${reason}`);
  }
  if (pairs.length > SHOWN) lines.push(`  and ${pairs.length - SHOWN} more pairs`);
  lines.push(`  of ${flows.opened} that opened and ${flows.dropped} that policy dropped`);
  if (past.judgedAnew > 0) lines.push(`  ${past.judgedAnew} would be judged otherwise already, without this change`);
  if (past.gone > 0) lines.push(`  ${past.gone} were of pods that are gone`);
  for (const { why, flows: times } of unjudged) lines.push(`  not judged: ${count(times, 'flow')}: ${why}`);
  const missing = lost.kernel + lost.store + lost.reader;
  if (missing > 0) lines.push(`  ${missing} more were not kept: nothing is said of them`);
  return lines;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
