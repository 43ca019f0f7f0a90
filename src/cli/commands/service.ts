import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function registerService(program: Command, { out, connect }: CommandContext): void {
  const service = program.command('service').description('services and their backends');
  service
    .command('list')
    .description('all services')
    .action(async () => {
      const services = await (await connect()).services();
      if (out.json) return await out.value(services);
      if (!services.enabled) return await out.line('Services are not enabled in this agent.');
      await out.list(
        services.items,
        [
          { title: 'SERVICE', value: (row) => `${row.namespace}/${row.name}`, shrink: true },
          { title: 'FRONTENDS', value: (row) => row.frontends.join(' '), shrink: true },
          { title: 'BACKENDS', value: (row) => row.backends.join(' '), shrink: true },
        ],
        'No services.',
      );
    });
}
