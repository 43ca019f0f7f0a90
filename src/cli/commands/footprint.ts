import type { Command } from 'commander';
import type { FootprintView } from '../../api/index.ts';
import type { CommandContext } from '../context.ts';
import { bytes, escapeText, type Output } from '../output/index.ts';

export function register(program: Command, { out, connectAll }: CommandContext): void {
  program
    .command('footprint')
    .description('what is in the kernel now, each program and map once; apart from it, what each feature costs')
    .action(async () => {
      const agents = await connectAll();
      const told = await agents.ask((client) => client.footprint());
      if (out.json) {
        const rows = told.map(({ node, answer }) => agents.told(node, answer));
        return await out.value(agents.are === 'several' ? rows : rows[0]);
      }
      for (const { node, answer } of told) {
        if (agents.are === 'several') await out.line(`Node ${escapeText(node)}`);
        await printFootprint(out, answer);
      }
    });
}

async function printFootprint(out: Output, footprint: FootprintView): Promise<void> {
  const { programs, maps, totals, whatIf, features } = footprint;
  await out.list(
    programs,
    [
      { title: 'ID', value: (row) => row.kernelId, align: 'right' },
      { title: 'PROGRAM', value: (row) => row.name },
      { title: 'ATTACHED TO', value: (row) => row.attachedTo.join(', ') || 'held by the agent', shrink: true },
      { title: 'INSTRUCTIONS', value: (row) => row.instructions, align: 'right' },
      { title: 'MACHINE CODE', value: (row) => bytes(row.jitedBytes), align: 'right' },
      { title: 'MEMORY', value: (row) => bytes(row.memlockBytes), align: 'right' },
    ],
    'No programs are loaded.',
  );
  await out.line('');
  await out.list(
    maps,
    [
      { title: 'ID', value: (row) => row.kernelId, align: 'right' },
      { title: 'MAP', value: (row) => row.name },
      { title: 'TYPE', value: (row) => row.type },
      { title: 'ENTRIES', value: (row) => row.entries, align: 'right' },
      { title: 'MAX', value: (row) => row.maxEntries, align: 'right' },
      { title: 'MEMORY', value: (row) => bytes(row.memlockBytes), align: 'right' },
    ],
    'No maps exist.',
  );
  await out.line(
    `\nin the kernel: ${totals.programs} programs with ${totals.instructions} instructions, ${bytes(totals.programMemlockBytes)}; ${totals.maps} maps, ${bytes(totals.mapMemlockBytes)}`,
  );
  await out.line('');
  await out.list(
    features,
    [
      { title: 'FEATURE', value: (row) => row.name },
      { title: 'STATE', value: (row) => (row.enabled ? 'on' : 'off') },
      { title: 'ADDS', value: (row) => row.instructions, align: 'right' },
      { title: 'WHAT IT IS', value: (row) => row.description, shrink: true },
    ],
    'No features.',
  );
  await out.line('');
  for (const { features: which, programs: copies } of whatIf) {
    const sum = copies.reduce((all, copy) => all + copy.instructions, 0);
    await out.line(`not loaded: one copy of each program with ${which} of these features has ${sum} instructions`);
  }
}
