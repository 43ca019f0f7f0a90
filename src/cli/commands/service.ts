import type { Command } from 'commander';
import type { ServiceView } from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import type { CommandContext } from '../context.ts';
import { inNamespaces, type NamespaceOptions, withNamespaces } from '../in-namespace.ts';
import { escapeText } from '../output/index.ts';

/** Of one service, in the table; `-o json` has more. */
const MAX_SHOWN = 8;

export function register(program: Command, { out, connectAll }: CommandContext): void {
  const service = program.command('service').description('services and their backends');
  withNamespaces(service.command('list'))
    .description('all services')
    .action(async (options: NamespaceOptions) => {
      const agents = await connectAll();
      const told = await agents.ask((client) => client.services());
      const of = (items: ServiceView[]) => inNamespaces(items, options, 'No services.');
      const { none } = of(told.flatMap(({ answer }) => answer.items));
      const lists = told.map(({ node, answer }) => agents.told(node, { ...answer, items: of(answer.items).rows }));
      if (out.json) return await out.value(lists.length === 1 ? lists[0] : lists);
      if (lists.every(({ enabled }) => !enabled)) return await out.line('Services are not enabled in this agent.');
      const rows = told.flatMap(({ node, answer }) => of(answer.items).rows.map((item) => agents.told(node, item)));
      await out.list(
        rows,
        [
          ...agents.column,
          { title: 'SERVICE', value: namespacedName, shrink: true },
          { title: 'TYPE', value: (row) => row.type },
          { title: 'STATE', value: stateText },
          { title: 'FRONTENDS', value: (row) => frontendTexts(row).join(' '), shrink: true },
          { title: 'BACKENDS', value: (row) => backendTexts(row).join(' '), shrink: true },
          { title: 'STEERING', value: (row) => row.steering.join(', ') },
        ],
        none,
      );
      const on = ({ node }: { node?: string }) => (node === undefined ? '' : `${node}: `);
      for (const item of rows) {
        for (const { reason, message } of item.problems)
          await out.line(escapeText(`${on(item)}${namespacedName(item)}: ${reason}: ${message}`));
      }
      for (const list of lists) {
        const { cgroup, enabled } = list;
        const how =
          cgroup === undefined ? 'Sockets are not steered, only packets.' : `Sockets are steered in ${cgroup}.`;
        await out.line(on(list) + (enabled ? how : 'services are not enabled.'));
      }
    });
}

/** What is in the kernel, and whether it serves anybody. */
function stateText(row: ServiceView): string {
  return row.state === 'applied' && servesNobody(row) ? 'no backends' : row.state;
}

function servesNobody({ frontends }: ServiceView): boolean {
  return frontends.length > 0 && frontends.every(({ backends }) => backends === 0);
}

function frontendTexts(row: ServiceView): string[] {
  const isEmpty = servesNobody(row);
  return row.frontends.map(({ address, port, protocol, served, backends }) => {
    const place = address === '::' ? `node:${port}` : `${address}:${port}`;
    const note = served ? (backends > 0 || isEmpty ? '' : '(no backends)') : '(taken)';
    return `${place}/${protocol}${note}`;
  });
}

const NOTES = { ready: '', draining: '(draining)', 'draining-used': '(draining)', 'not-ready': '(not ready)' };

function backendTexts({ backends, backendCount }: ServiceView): string[] {
  const shown = backends.slice(0, MAX_SHOWN).map(({ address, port, state }) => `${address}:${port}${NOTES[state]}`);
  return backendCount > shown.length ? [...shown, `and ${backendCount - shown.length} more`] : shown;
}
