import type { Command } from 'commander';
import { wholeNumber } from '../arguments.ts';
import type { CommandContext } from '../context.ts';

export function registerIdentity(program: Command, { out, connect }: CommandContext): void {
  const identity = program.command('identity').description('who there is: numeric identities and their labels');

  identity
    .command('list')
    .description('all identities that this node knows')
    .action(async () => {
      const identities = await (await connect()).identities();
      await out.list(
        identities.toSorted((a, b) => a.id - b.id),
        [
          { title: 'IDENTITY', value: (row) => row.id, align: 'right' },
          { title: 'KIND', value: (row) => row.kind },
          { title: 'ENDPOINTS', value: (row) => row.endpoints, align: 'right' },
          { title: 'LABELS', value: (row) => row.labels.join(' '), shrink: true },
        ],
        'No identities.',
      );
    });

  identity
    .command('get')
    .description('one identity')
    .argument('<id>', 'its number', wholeNumber(0, 0xffff_ffff))
    .action(async (id: number) => {
      const found = await (await connect()).identity({ id });
      if (out.json) return await out.value(found);
      await out.fields([
        ['Identity', found.id],
        ['Kind', found.kind],
        ['Endpoints', found.endpoints],
        ['References', found.references],
        ['Labels', found.labels],
      ]);
    });
}
