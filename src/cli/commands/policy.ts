import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PolicyView } from '../../api/index.ts';
import { nameParts, namespacedName, parseNamespacedName } from '../../base/index.ts';
import { portOrName, type Transport, transport } from '../arguments.ts';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../exit.ts';
import { inNamespaces, type NamespaceOptions, withNamespaces } from '../in-namespace.ts';
import { printTrace } from '../output/index.ts';
import { registerLint } from './policy/lint.ts';
import { registerSuggest } from './policy/suggest.ts';
import { registerWhatIf } from './policy/what-if.ts';

export function register(program: Command, context: CommandContext): void {
  const { out, connectAll } = context;
  const policy = program.command('policy').description('the policies in force, and what they say about a connection');

  withNamespaces(policy.command('list'))
    .description('all policies that the agent knows')
    .action(async (options: NamespaceOptions) => {
      const agents = await connectAll();
      const policies = await agents.rows((client) => client.policies());
      const { rows, none } = inNamespaces(policies, options, 'No policies: every pod may talk to every pod.');
      await out.list(
        rows.toSorted((a, b) => namespacedName(a).localeCompare(namespacedName(b))),
        [
          ...agents.column,
          { title: 'KIND', value: (row) => row.kind },
          { title: 'NAME', value: namespacedName, shrink: true },
          { title: 'STATE', value: (row) => row.state },
          { title: 'DIRECTIONS', value: (row) => row.directions.join(' ') },
          { title: 'RULES', value: (row) => row.rules.length, align: 'right' },
          { title: 'ENDPOINTS', value: (row) => row.endpoints, align: 'right' },
          { title: 'SINCE', value: (row) => row.since },
          { title: 'DETAIL', value: (row) => row.detail, shrink: true },
        ],
        none,
      );
    });

  policy
    .command('get')
    .description('one policy with its rules as Membrane understands them')
    .argument('<namespace/name>', 'which one', policyRef)
    .option('--kind <kind>', 'kind of the object, where several kinds have one of this name')
    .action(async (ref: ReturnType<typeof policyRef>, options: { kind?: string }) => {
      const agents = await connectAll();
      const told = await agents.ask((client) => client.policy({ ...ref, ...options }));
      if (out.json) {
        const rows = told.map(({ node, answer }) => agents.told(node, answer));
        return await out.value(agents.are === 'several' ? rows : rows[0]);
      }
      for (const { node, answer: found } of told) {
        await out.fields([
          ['Node', agents.are === 'several' ? node : undefined],
          [found.kind, namespacedName(found)],
          ['State', found.detail === undefined ? found.state : `${found.state}: ${found.detail}`],
          ['Since', found.since],
          ['Meanwhile', found.meanwhile.length === 0 ? undefined : found.meanwhile.map(meanwhileText)],
          ['Directions', found.directions.join(', ')],
          ['Endpoints', found.endpoints],
          ['Rules', found.rules.map((rule) => `${rule.direction} ${rule.verdict}: ${rule.text}`)],
        ]);
      }
    });

  registerTrace(policy, context);
  registerLint(policy, context);
  registerWhatIf(policy, context);
  registerSuggest(policy, context);
}

const MOST_PODS = 3;

/** `ingress of shop/a, shop/b and 2 more is closed since 2026-...: its policy is being written` */
function meanwhileText({ direction, inForce, why, since, pods }: PolicyView['meanwhile'][number]): string {
  const more = pods.length > MOST_PODS ? ` and ${pods.length - MOST_PODS} more` : '';
  const what = {
    closed: 'is closed',
    former: 'goes on with what was in force before',
    'in-part': 'is in force in part',
  }[inForce];
  return `${direction} of ${pods.slice(0, MOST_PODS).join(', ')}${more} ${what} since ${since}: ${why}`;
}

function registerTrace(policy: Command, { out, connectAll, exit }: CommandContext): void {
  policy
    .command('trace')
    .description(
      'would this connection be allowed, and which rule says so; exit 1 when it is denied (with --file: would be)',
    )
    .requiredOption('--from <peer>', 'namespace/pod, node, IP address, identity:ID, host, world, ...')
    .requiredOption('--to <peer>', 'likewise, or service:namespace/name')
    .option('--port <n|name>', 'destination port, or its name at the pod or service', portOrName)
    .addOption(new Option('--protocol <name>', 'TCP, UDP, SCTP or ICMP').default('TCP').argParser(transport))
    .option('-f, --file <path>', 'and what would it be with the policies of this file; nothing is written')
    .action(async ({ file, ...request }: TraceOptions) => {
      if (request.port === undefined && request.protocol !== 'ICMP') {
        const { cliErrors } = await import('../errors.ts');
        throw cliErrors.make('E_CLI_USAGE', { detail: `--port is missing: ${request.protocol} has ports` });
      }
      const proposed = file === undefined ? undefined : await (await import('../policy-file.ts')).readPolicies(file);
      // A node knows what is in force for its own pods: whoever sends first.
      const agents = await connectAll();
      const trace = await (await agents.of([request.from, request.to])).trace({ ...request, proposed });
      const { verdict } = trace.proposed ?? trace;
      exit(verdict === 'allowed' ? EXIT.good : EXIT.no);
      await (out.json ? out.value(trace) : printTrace(out, trace));
    });
}

type TraceOptions = {
  readonly from: string;
  readonly to: string;
  readonly port?: number | string;
  readonly protocol: Transport;
  readonly file?: string;
};

function policyRef(text: string): { namespace: string; name: string } {
  const name = parseNamespacedName(text);
  if (name !== undefined) return nameParts(name);
  throw new InvalidArgumentError('Write it as namespace/name, or as name for a cluster-wide object.');
}
