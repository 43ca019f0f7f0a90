import type { Command } from 'commander';
import type { ConnectionView } from '../../api/index.ts';
import type { CommandContext } from '../context.ts';
import { endpointText, escapeText, pad } from '../output/index.ts';

export function registerCt(program: Command, { out, connect, onInterrupt }: CommandContext): void {
  const ct = program.command('ct').description('connections that the datapath tracks');
  ct.command('list')
    .description('all tracked connections; with -o json one a line')
    .action(async () => {
      const client = await connect();
      let count = 0;
      for await (const connection of client.connections(onInterrupt())) {
        count += 1;
        await (out.json ? out.jsonLine(connection) : out.line(connectionLine(connection)));
      }
      if (!out.json && count === 0) await out.line('No connections.');
    });
}

/** The table may be huge and streams, so columns have fixed widths. */
function connectionLine(row: ConnectionView): string {
  const state = [
    row.current ? 'current' : 'stale',
    ...(row.replied ? ['replied'] : []),
    ...(row.closing ? ['closing'] : []),
    ...(row.midstream ? ['midstream'] : []),
  ];
  const ends = `${pad(end(row.source), 30)} -> ${pad(end(row.destination), 30)}`;
  const nat = row.natPort === undefined ? '' : ` masqueraded from port ${row.natPort}`;
  const expiry = `${Math.max(0, Math.round(row.expiresInSeconds))}s`;
  return `${pad(escapeText(row.protocol), 6)} ${ends} ${pad(expiry, 7, 'right')}  ${state.join(',')}${nat}`;
}

function end({ addr, port, identity }: ConnectionView['source']): string {
  return `${endpointText({ addr, port })} (${identity})`;
}
