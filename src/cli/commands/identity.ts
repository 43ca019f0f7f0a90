import type { Command } from 'commander';
import type { IdentityView } from '../../api/index.ts';
import type { Agents } from '../agents.ts';
import { wholeNumber } from '../arguments.ts';
import type { CommandContext } from '../context.ts';
import { inNamespaces, type NamespaceOptions, withNamespaces } from '../in-namespace.ts';

export function register(program: Command, { out, connectAll }: CommandContext): void {
  const identity = program.command('identity').description('who there is: numeric identities and their labels');

  withNamespaces(identity.command('list'))
    .description('the identities that this node knows, without reserved ones that nobody has')
    .option('--all', 'reserved identities that nobody has as well', false)
    .action(async ({ all, ...options }: NamespaceOptions & { all: boolean }) => {
      const agents = await connectAll();
      const identities = await agents.rows((client) => client.identities());
      const { rows, none } = inNamespaces(identities, options, 'No identities.');
      await out.list(
        rows.filter((row) => all || row.kind !== 'reserved' || row.references > 0).toSorted((a, b) => a.id - b.id),
        [
          ...agents.column,
          { title: 'IDENTITY', value: (row) => row.id, align: 'right' },
          { title: 'KIND', value: (row) => row.kind },
          { title: 'NAMESPACE', value: (row) => row.namespace, shrink: true },
          { title: 'SA', value: (row) => row.serviceAccount, shrink: true },
          { title: 'LABELS', value: (row) => (row.podLabels ?? row.labels).join(' '), shrink: true },
          { title: 'PORTS', value: (row) => portTexts(row)?.join(' '), shrink: true },
          { title: 'PODS', value: (row) => (row.kind === 'cluster' ? row.references : undefined), align: 'right' },
          { title: 'HERE', value: (row) => (row.kind === 'cluster' ? row.endpoints : undefined), align: 'right' },
        ],
        none,
      );
    });

  identity
    .command('get')
    .description('one identity')
    .argument('<id>', 'its number', wholeNumber(0, 0xffff_ffff))
    .action(async (id: number) => {
      const found = await identityOf(await connectAll(), id);
      if (out.json) return await out.value(found);
      await out.fields([
        ['Identity', found.id],
        ['Kind', found.kind],
        ['Namespace', found.namespace],
        ['Service account', found.serviceAccount],
        ['Pod labels', found.podLabels],
        ['Named ports', portTexts(found)],
        ['Endpoints here', found.endpoints],
        ['References', found.references],
        ['All labels', found.labels],
      ]);
    });
}

/** As the agent tells it that has the most pods with it: of several each knows what it needs to. Throws what one of them says. */
async function identityOf({ all }: Agents, id: number): Promise<IdentityView> {
  const told = await Promise.allSettled(all.map(async ({ client }) => await client.identity({ id })));
  const found = told.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const [most] = found.toSorted((a, b) => b.endpoints - a.endpoints);
  if (most !== undefined) return most;
  throw told.find((one) => one.status === 'rejected')?.reason;
}

function portTexts({ namedPorts }: IdentityView): string[] | undefined {
  return namedPorts?.map(({ name, port, protocol }) => `${name}=${port}/${protocol}`);
}
