import type { Command } from 'commander';
import { namespacedName } from '../../base/index.ts';
import { podName, wholeNumber } from '../arguments.ts';
import type { CommandContext } from '../context.ts';
import { inNamespaces, type NamespaceOptions, withNamespaces } from '../in-namespace.ts';
import { bytes } from '../output/index.ts';

const podOf = ({ namespace, pod }: { namespace: string; pod: string }) => namespacedName({ namespace, name: pod });

export function register(program: Command, { out, connectAll }: CommandContext): void {
  const endpoint = program
    .command('endpoint')
    .description('the pods of this node and what is enforced at their devices');

  withNamespaces(endpoint.command('list'))
    .description('all endpoints')
    .action(async (options: NamespaceOptions) => {
      const agents = await connectAll();
      const endpoints = await agents.rows((client) => client.endpoints());
      const { rows, none } = inNamespaces(endpoints, options, 'No endpoints on this node.');
      await out.list(
        rows.toSorted((a, b) => a.id - b.id),
        [
          ...agents.column,
          { title: 'ID', value: (row) => row.id, align: 'right' },
          { title: 'POD', value: (row) => podOf(row), shrink: true },
          {
            title: 'STATE',
            value: (row) => (row.detail === undefined ? row.state : `${row.state}: ${row.detail}`),
            shrink: true,
          },
          { title: 'IDENTITY', value: (row) => row.identity || undefined, align: 'right' },
          { title: 'ENFORCED', value: (row) => enforced(row.enforced) },
          { title: 'ADDRESSES', value: (row) => row.addresses.join(' ') },
          { title: 'DEVICE', value: (row) => row.interface },
        ],
        none,
      );
    });

  endpoint
    .command('get')
    .description('one endpoint, with its counters')
    .argument('<id|namespace/pod>', 'which one', endpointRef)
    .action(async (ref: ReturnType<typeof endpointRef>) => {
      const agents = await connectAll();
      const agent = await ('id' in ref ? agents.ofEndpoint(ref.id) : agents.of([podOf(ref)]));
      const found = await agent.endpoint(ref);
      if (out.json) return await out.value(found);
      const { counters } = found;
      const { DROP_REASON_TEXTS } = await import('../../model/index.ts');
      const reasons: Readonly<Record<string, { text: string } | undefined>> = DROP_REASON_TEXTS;
      await out.fields([
        ['Endpoint', found.id],
        ['Pod', `${podOf(found)} (${found.podUid})`],
        ['State', found.detail === undefined ? found.state : `${found.state}: ${found.detail}`],
        ['Identity', found.identity === 0 ? 'not known yet' : found.identity],
        ['Labels', found.labels],
        ['Addresses', found.addresses],
        ['Device', `${found.interface} (${found.ifindex}), pod's MAC ${found.mac}`],
        ['Enforced', enforced(found.enforced)],
        [
          'In force',
          (['ingress', 'egress'] as const).map((direction) => `${direction}: ${IN_FORCE[found.inForce[direction]]}`),
        ],
        ['Policy revision', found.policyRevision],
        ['Named ports', found.namedPorts.map(({ name, port, protocol }) => `${name} = ${port}/${protocol}`)],
        ['Received', counters?.ingress && `${counters.ingress.packets} packets, ${bytes(counters.ingress.bytes)}`],
        ['Sent', counters?.egress && `${counters.egress.packets} packets, ${bytes(counters.egress.bytes)}`],
        [
          'Dropped',
          counters?.drops.map(
            ({ packets, bytes: size, direction, reason }) =>
              `${packets} packets, ${bytes(size)}, ${direction}: ${reason} (${reasons[reason]?.text ?? 'newer than this program'})`,
          ),
        ],
        ['Flows not told', counters?.missedEvents],
      ]);
    });
}

const IN_FORCE = {
  wanted: 'what the policies say',
  'in-part': 'what the policies say, but for what does not fit',
  former: 'what was in force before, until the new table is written',
  closed: 'nothing passes',
} as const;

function endpointRef(text: string): { id: number } | { namespace: string; pod: string } {
  return text.includes('/') ? podName(text) : { id: wholeNumber(0, 0xffff)(text) };
}

function enforced({ ingress, egress }: { ingress: boolean; egress: boolean }): string {
  if (ingress && egress) return 'both';
  return ingress ? 'ingress' : egress ? 'egress' : 'none';
}
