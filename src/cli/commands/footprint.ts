import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { bytes } from '../output/index.ts';

export function register(program: Command, { out, connect }: CommandContext): void {
  program
    .command('footprint')
    .description('what is loaded in the kernel now: programs by instruction, maps by byte, features that are off')
    .action(async () => {
      const footprint = await (await connect()).footprint();
      if (out.json) return await out.value(footprint);
      const { programs, maps, features } = footprint;
      await out.list(
        programs,
        [
          { title: 'PROGRAM', value: (row) => row.name },
          { title: 'ATTACHED TO', value: (row) => row.attachedTo, shrink: true },
          { title: 'ID', value: (row) => row.kernelId, align: 'right' },
          { title: 'INSTRUCTIONS', value: (row) => row.instructions, align: 'right' },
          { title: 'MACHINE CODE', value: (row) => bytes(row.jitedBytes), align: 'right' },
        ],
        'No programs are loaded.',
      );
      await out.line('');
      await out.list(
        maps,
        [
          { title: 'MAP', value: (row) => row.name },
          { title: 'TYPE', value: (row) => row.type },
          { title: 'ENTRIES', value: (row) => row.entries, align: 'right' },
          { title: 'MAX', value: (row) => row.maxEntries, align: 'right' },
          { title: 'MEMORY', value: (row) => bytes(row.memoryBytes), align: 'right' },
        ],
        'No maps exist.',
      );
      await out.line('');
      await out.list(
        features,
        [
          { title: 'FEATURE', value: (row) => row.name },
          { title: 'STATE', value: (row) => (row.enabled ? 'on' : 'off') },
          { title: 'INSTRUCTIONS', value: (row) => row.instructions, align: 'right' },
          { title: 'WHAT IT IS', value: (row) => row.description, shrink: true },
        ],
        'No features.',
      );
      const instructions = programs.reduce((sum, row) => sum + row.instructions, 0);
      const memory = maps.reduce((sum, row) => sum + row.memoryBytes, 0);
      await out.line(
        `\n${programs.length} programs, ${instructions} instructions; ${maps.length} maps, ${bytes(memory)}`,
      );
    });
}
