import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { withNamespaces } from '../in-namespace.ts';

export function register(program: Command, { out, connectAll }: CommandContext): void {
  const node = program.command('node').description('the nodes of the cluster');
  // Whose fingers, or alias, add it to every list gets one: as kubectl does, whose nodes are in no namespace either.
  withNamespaces(node.command('list'))
    .description('all nodes that the agent knows; they are in no namespace, so -n cuts nothing')
    .action(async () => {
      const told = (await (await connectAll()).ask((client) => client.nodes())).flatMap(({ answer }) => answer);
      // Who is asked about itself says most.
      const nodes = new Map(told.toSorted((a, b) => Number(a.local) - Number(b.local)).map((row) => [row.name, row]));
      await out.list(
        [...nodes.values()].toSorted((a, b) => a.name.localeCompare(b.name)),
        [
          { title: 'NODE', value: (row) => (row.local ? `${row.name} (this)` : row.name), shrink: true },
          { title: 'IDENTITY', value: (row) => row.identity, align: 'right' },
          { title: 'ADDRESSES', value: (row) => row.addresses.join(' ') },
          { title: 'POD CIDRS', value: (row) => row.podCIDRs.join(' ') },
          {
            title: 'DROPPED',
            value: (row) => row.drops?.map(({ reason, packets }) => `${reason} ${packets}`).join(', ') ?? '',
          },
        ],
        'No nodes.',
      );
    });
}
