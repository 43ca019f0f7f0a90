import type { Command } from 'commander';
import type { TenantView } from '../../api/index.ts';
import type { CommandContext } from '../context.ts';

export function register(program: Command, { out, connect }: CommandContext): void {
  const tenant = program.command('tenant').description('who belongs together: tenants and their namespaces');

  tenant
    .command('list')
    .description('all tenants, the system, and the namespaces of nobody')
    .action(async () => {
      await out.list(
        await (await connect()).tenants(),
        [
          { title: 'TENANT', value: nameOf },
          { title: 'STATE', value: stateOf },
          { title: 'WORLD', value: (row) => row.boundary?.world },
          { title: 'NODES', value: (row) => row.boundary?.nodes },
          { title: 'NAMESPACES', value: (row) => row.namespaces.map(({ name }) => name).join(' '), shrink: true },
          { title: 'IDENTITIES', value: (row) => row.identities, align: 'right' },
          { title: 'PROBLEM', value: (row) => row.problems[0], shrink: true },
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
        ['Closed', found.closed],
        ['World', found.boundary?.world],
        ['Nodes', found.boundary?.nodes],
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
const stateOf = ({ boundary, closed, namespaces }: TenantView): string | undefined => {
  if (boundary === undefined) return undefined;
  if (closed !== undefined) return 'closed';
  return namespaces.some((own) => own.closed !== undefined) ? 'closed in part' : 'apart';
};

const nameOf = ({ name }: TenantView): string => (name === '' ? '(none)' : name);

const limitText = ({ name, limit, used, refused, most }: NonNullable<TenantView['limits']>[number]): string => {
  const share = used === undefined ? `${limit}` : `${used} of ${limit}`;
  const who = most === undefined ? '' : `, most by ${most.pod} (${most.count})`;
  return `${name}: ${share}, ${refused} refused${who}`;
};
