import type { Command } from 'commander';
import type { ApiClient } from '../../api/client.ts';
import type { ConnectionView } from '../../api/index.ts';
import type { Told } from '../agents.ts';
import type { CommandContext } from '../context.ts';
import { isAskedFor, type NamespaceOptions, nothingLeft, withNamespaces } from '../in-namespace.ts';
import { endpointText, escapeText, pad } from '../output/index.ts';

export function register(program: Command, { out, connectAll, onInterrupt }: CommandContext): void {
  const ct = program.command('ct').description('connections that the datapath tracks');
  withNamespaces(ct.command('list'))
    .description('all tracked connections, with -n those of its pods; with -o json one a line')
    .action(async (options: NamespaceOptions) => {
      const agents = await connectAll();
      const signal = onInterrupt();
      let [count, all] = [0, 0];
      for (const { node, client } of agents.all) {
        const isListed = await ofNamespaces(client, options);
        for await (const connection of client.connections(signal)) {
          all += 1;
          if (!isListed(connection)) continue;
          const row = agents.told(node, connection);
          if (out.json) await out.jsonLine(row);
          else {
            if (count === 0)
              await out.line(out.tone('bold', line(agents.are === 'several' ? { ...TITLES, node: 'NODE' } : TITLES)));
            await out.line(line(cellsOf(row)));
          }
          count += 1;
        }
      }
      if (!out.json && count === 0) await out.line(nothingLeft(options, all, 'No connections.'));
    });
}

/** Whether one end of a connection is a pod of a namespace that was asked for. */
async function ofNamespaces(client: ApiClient, options: NamespaceOptions): Promise<(row: ConnectionView) => boolean> {
  if (options.namespace === undefined) return () => true;
  const namespaces = new Map((await client.identities()).map(({ id, namespace }) => [id, namespace]));
  return ({ source, destination }) => {
    const own = [source, destination].map(({ identity }) => namespaces.get(identity));
    return isAskedFor(options, own);
  };
}

type Cells = {
  readonly node?: string;
  readonly protocol: string;
  readonly source: string;
  readonly destination: string;
  readonly expires: string;
  readonly state: string;
};

const TITLES: Cells = {
  protocol: 'PROTO',
  source: 'SOURCE (IDENTITY)',
  destination: 'DESTINATION (IDENTITY)',
  expires: 'EXPIRES',
  state: 'STATE',
};

/** The table may be huge and streams, so columns have fixed widths. */
function line({ node, protocol, source, destination, expires, state }: Cells): string {
  const where = node === undefined ? '' : `${pad(escapeText(node), 12)} `;
  return `${where}${pad(escapeText(protocol), 6)} ${pad(source, 33)} ${pad(destination, 30)} ${pad(expires, 7, 'right')}  ${state}`;
}

function cellsOf(row: Told<ConnectionView>): Cells {
  const state = [
    row.current ? 'current' : 'stale',
    ...(row.replied ? ['replied'] : []),
    ...(row.closing ? ['closing'] : []),
    ...(row.midstream ? ['midstream'] : []),
  ];
  const nat = row.natPort === undefined ? '' : ` masqueraded from port ${row.natPort}`;
  return {
    ...(row.node === undefined ? {} : { node: row.node }),
    protocol: row.protocol,
    source: end(row.source),
    destination: end(row.destination),
    expires: `${Math.max(0, Math.round(row.expiresInSeconds))}s`,
    state: state.join(',') + nat,
  };
}

function end({ addr, port, identity }: ConnectionView['source']): string {
  return `${endpointText({ addr, port })} (${identity})`;
}
