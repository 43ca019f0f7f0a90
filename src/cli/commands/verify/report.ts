import { writeFile } from 'node:fs/promises';
import type { VerifyView } from '../../../api/index.ts';
import { errorMessage } from '../../../base/index.ts';
import { cliErrors } from '../../errors.ts';
import { matrixOf } from '../tenant.ts';

export type Report = { readonly views: readonly VerifyView[]; readonly silent: readonly string[] };

type Packet = NonNullable<VerifyView['differences'][number]['packet']>;
type Standing = VerifyView['pairs'][number]['standing'];

const MEANINGS: Readonly<Record<Standing, string>> = {
  isolated: 'no packet of the one opens a connection to the other',
  shared: 'only what the one exports and the other imports',
  together: 'no floor lies between them: policies decide',
  empty: 'one of them has no pods',
  broken: 'the kernel lets pass what is not meant to',
};

/** E_CLI_FILE. */
export async function writeReport(path: string, report: Report): Promise<void> {
  try {
    await writeFile(path, reportHtml(report));
  } catch (cause) {
    throw cliErrors.make('E_CLI_FILE', { detail: `${path}: ${errorMessage(cause)}`, cause });
  }
}

/** One page that needs nothing else. Names are whatever somebody called his objects: all text is escaped. */
export function reportHtml({ views, silent }: Report): string {
  const pairs = matrixOf(views);
  const names = Array.from(new Set(pairs.map(({ from }) => from))).sort();
  const standings = new Map(pairs.map(({ from, to, standing }) => [JSON.stringify([from, to]), standing]));
  const good = silent.length === 0 && views.length > 0 && views.every((view) => view.good);
  const head = names.map((name) => `<th scope="col">${html(tenantText(name))}</th>`).join('');
  const body = names
    .map((from) => {
      const cells = names.map((to) => {
        if (from === to) return '<td>-</td>';
        const standing = standings.get(JSON.stringify([from, to])) ?? 'empty';
        return `<td class="${standing}">${standing === 'shared' ? 'shared by export' : standing}</td>`;
      });
      return `<tr><th scope="row">${html(tenantText(from))}</th>${cells.join('')}</tr>`;
    })
    .join('\n');
  const nodes = views
    .map(({ node, at, revision, counts, differences, more, tookMs }) =>
      row([
        node,
        at,
        revision,
        counts.endpoints,
        counts.identities,
        counts.policies,
        counts.frontends ?? 'none',
        differences.length + more,
        `${tookMs} ms`,
      ]),
    )
    .join('\n');
  const unproved = silent
    .map((node) => row([node, 'its agent does not answer: nothing is proved', '', '', '', '', '', '', '']))
    .join('\n');
  const alarms = views.flatMap(({ node, differences }) =>
    differences.map(({ layer, effect, from = '', to = '', packets = 'all packets', rows, meant, packet }) =>
      row([
        node,
        layer,
        effect,
        `${from} -> ${to}`,
        packets,
        rows.join('; '),
        meant.join('; '),
        packet === undefined ? '' : packetText(packet),
      ]),
    ),
  );
  const shared = views.flatMap(({ node, pairs }) =>
    pairs.flatMap(({ from, to, standing, shares, example }) =>
      standing === 'shared'
        ? [
            row([
              node,
              tenantText(from),
              tenantText(to),
              shares,
              example === undefined
                ? 'policies let none of it pass'
                : `${example.from} -> ${example.to} ${example.packets}`,
            ]),
          ]
        : [],
    ),
  );
  const asked = views.flatMap(({ node, asked: one }) =>
    one === undefined
      ? []
      : one.reached.length === 0
        ? [row([node, one.from, one.to, 'no packet reaches it', `${one.pairs} pairs`])]
        : one.reached.map(({ from, to, packets, why }) => row([node, from, to, packets, why.join('; ')])),
  );
  const meanings = Object.entries(MEANINGS).map(
    ([standing, text]) => `<dt class="${standing}">${standing}</dt><dd>${html(text)}</dd>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Tenants apart: ${good ? 'proved' : 'NOT proved'}</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #1c1c1c; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { border: 1px solid #bbb; padding: .3rem .6rem; text-align: left; vertical-align: top; }
.isolated { background: #e3f4e3; } .shared { background: #fdf3d0; } .together { background: #e6e6f5; } .broken { background: #f6c7c7; font-weight: bold; } .empty { color: #666; }
dt { display: inline-block; padding: 0 .4rem; } dd { margin: 0 0 .3rem 1rem; }
</style>
</head>
<body>
<h1>Tenants apart: ${good ? 'proved' : 'NOT proved'}</h1>
<p>${html(views.map(({ node, at }) => `${node} at ${at}`).join(', '))}. Rows open connections, columns are opened to. Every pair was decided for all packets, from what is in the kernel of each node.</p>
<table><thead><tr><th></th>${head}</tr></thead><tbody>
${body}
</tbody></table>
<dl>${meanings.join('')}</dl>
${section('Alarms: where the kernel is not as it is meant', ['Node', 'Layer', 'Effect', 'Pair', 'Packets', 'In the kernel', 'Meant', 'Packet'], alarms)}
${section('Shared by export', ['Node', 'From', 'To', 'Rows', 'For example'], shared)}
${section('Asked', ['Node', 'From', 'To', 'Packets', 'Because'], asked)}
${section(
  'Nodes',
  ['Node', 'At', 'Revision', 'Pods', 'Identities', 'Policies', 'Frontends', 'Differences', 'Took'],
  [nodes, unproved].filter((part) => part !== ''),
)}
</body>
</html>
`;
}

function packetText({ from, to, backend, claimed, sent }: Packet): string {
  const turned = backend === undefined ? '' : `, turned to ${backend}`;
  return `${from} -> ${to}${turned}: ${claimed}, ${sent ?? 'not sent'}`;
}

function section(title: string, heads: readonly string[], rows: readonly string[]): string {
  if (rows.length === 0) return '';
  const head = heads.map((one) => `<th scope="col">${one}</th>`).join('');
  return `<h2>${title}</h2>\n<table><thead><tr>${head}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}

const row = (cells: readonly (string | number)[]): string =>
  `<tr>${cells.map((cell) => `<td>${html(String(cell))}</td>`).join('')}</tr>`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Also what no reader would see, or would see as something else. */
function html(text: string): string {
  return text
    .replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '')
    .replace(/[\p{Cc}\p{Cf}]/gu, (char) => `U+${(char.codePointAt(0) ?? 0).toString(16)}`);
}

const tenantText = (name: string): string => (name === '' ? '(none)' : name);
