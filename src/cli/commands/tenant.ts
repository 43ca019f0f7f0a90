import type { Command } from 'commander';
import type { TenantView, VerifyView } from '../../api/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../exit.ts';
import { isAskedFor, type NamespaceOptions, nothingLeft, withNamespaces } from '../in-namespace.ts';

export function register(program: Command, { out, connect, connectAll, exit }: CommandContext): void {
  const tenant = program.command('tenant').description('who belongs together: tenants and their namespaces');

  withNamespaces(tenant.command('list'))
    .description('all tenants, the system, and the namespaces of nobody; with -n whose these namespaces are')
    .action(async (options: NamespaceOptions) => {
      const agents = await connectAll();
      const tenants = await agents.rows((client) => client.tenants());
      await out.list(
        tenants.filter((row) => isAskedFor(options, namesOf(row))),
        [
          ...agents.column,
          { title: 'TENANT', value: nameOf },
          { title: 'STATE', value: stateOf },
          { title: 'WORLD', value: (row) => row.boundary?.world },
          { title: 'NODES', value: (row) => row.boundary?.nodes },
          { title: 'NAMESPACES', value: (row) => namesOf(row).join(' '), shrink: true },
          { title: 'IDENTITIES', value: (row) => row.identities, align: 'right' },
          { title: 'PROBLEM', value: (row) => row.problems[0], shrink: true },
        ],
        nothingLeft(options, tenants.length, 'No tenants.'),
      );
    });

  tenant
    .command('matrix')
    .description(
      'each tenant (rows open connections) against each: isolated, shared, together; exit 1 when one is broken',
    )
    .action(async () => {
      const agents = await connectAll();
      const views = (await agents.ask(async (client) => await client.verify({}))).map(({ answer }) => answer);
      const pairs = matrixOf(views);
      const isWhole = agents.silent.length === 0;
      exit(isWhole && pairs.every(({ standing }) => standing !== 'broken') ? EXIT.good : EXIT.no);
      if (out.json) return await out.value(pairs);
      const names = Array.from(new Set(pairs.map(({ from }) => from)));
      const standings = new Map(pairs.map(({ from, to, standing }) => [JSON.stringify([from, to]), standing]));
      await out.list(
        names,
        [
          { title: 'FROM / TO', value: nameText },
          ...names.map((to) => ({
            title: nameText(to),
            value: (from: string) => (from === to ? '-' : standings.get(JSON.stringify([from, to]))),
          })),
        ],
        'No tenants.',
      );
    });

  tenant
    .command('get')
    .description('one tenant')
    .argument('<name>', 'of its object, or system')
    .action(async (name: string) => {
      const found = await (await connect()).tenant({ name });
      if (out.json) return await out.value(found);
      await out.fields([
        ['Tenant', nameOf(found)],
        ['Mode', found.mode],
        ['Closed', found.closed],
        ['World', found.boundary?.world],
        ['Listed', found.boundary?.cidrs],
        ['Metadata', found.boundary?.metadata],
        ['Nodes', found.boundary?.nodes],
        ['Peers', found.peers],
        [
          'Namespaces',
          found.namespaces.map(({ name: own, closed }) => (closed === undefined ? own : `${own} (closed)`)),
        ],
        [
          'Exports',
          found.exports?.map(
            ({ name, service, to, expires }) =>
              `${name}: ${service} to ${to.join(', ')}${expires === undefined ? '' : ` until ${expires}`}`,
          ),
        ],
        ['Imports', found.imports?.map(({ tenant: from, export: own }) => `${from}/${own}`)],
        ['Limits', found.limits?.map(limitText)],
        ['Identities', found.identities],
        ['Problems', found.problems],
      ]);
    });
}

/** Of namespaces without a boundary there is nothing to say. */
const stateOf = ({ boundary, mode, closed, namespaces }: TenantView): string | undefined => {
  if (boundary === undefined) return undefined;
  if (mode === 'Observe') return 'observes';
  if (mode === 'Warn') return 'warns';
  if (closed !== undefined) return 'closed';
  return namespaces.some((own) => own.closed !== undefined) ? 'closed in part' : 'apart';
};

const limitText = ({ name, limit, used, refused, most }: NonNullable<TenantView['limits']>[number]): string => {
  const share = used === undefined ? `${limit}` : `${used} of ${limit}`;
  const who = most === undefined ? '' : `, most by ${most.pod} (${most.count})`;
  return `${name}: ${share}, ${refused} refused${who}`;
};

const namesOf = ({ namespaces }: TenantView): string[] => namespaces.map(({ name }) => name);

const nameText = (name: string): string => (name === '' ? '(none)' : name);

const nameOf = ({ name }: TenantView): string => nameText(name);

type Pair = VerifyView['pairs'][number];

/** From best to worst: of several nodes the worst counts. */
const STANDINGS: readonly Pair['standing'][] = ['empty', 'isolated', 'shared', 'together', 'broken'];

/** Every pair once, as the worst of the nodes has it. */
export function matrixOf(views: readonly Pick<VerifyView, 'pairs'>[]): Pair[] {
  const worst = new Map<string, Pair>();
  for (const pair of views.flatMap(({ pairs }) => pairs)) {
    const key = JSON.stringify([pair.from, pair.to]);
    const known = worst.get(key);
    if (known === undefined || STANDINGS.indexOf(pair.standing) > STANDINGS.indexOf(known.standing))
      worst.set(key, pair);
  }
  return [...worst.values()];
}
