import { useEffect, useRef, useState } from 'preact/hooks';
import type { MatrixCell, MatrixView, ReachView } from '../../src/ui/messages.ts';
import { address, go } from './address.ts';
import { type Answer, ask } from './ask.ts';
import { neighbour } from './keys.ts';
import { Name, plain } from './name.tsx';
import { NameSearch } from './name-search.tsx';
import { number } from './words.ts';
import { hello } from './world.ts';

const MEANINGS = {
  isolated: 'no packet of the one opens a connection to the other',
  shared: 'only what the one exports and the other imports',
  together: 'no floor lies between them: policies decide',
  empty: 'one of them has no pods',
  broken: 'the kernel lets pass what is not meant to',
  untold: 'how others stand to each other is not yours to see',
} as const;
const WORDS = {
  isolated: 'apart',
  shared: 'shared',
  together: 'policies',
  empty: 'no pods',
  broken: 'BROKEN',
  untold: '–',
} as const;
const AGAIN_MS = 30_000;
/** Who has rights may lose them, and what is proved is kept by nodes. */
const AGAIN_OWN_MS = 5_000;

/** Who is apart from whom, proved on every node for all packets; of a cell what opens. */
export function Tenants() {
  const [{ value, problem }, setAnswer] = useState<Answer<MatrixView>>({});
  const greeting = hello.value;
  useEffect(() => {
    // Nobody may look, or not any more.
    if (greeting === undefined) {
      setAnswer({});
      return undefined;
    }
    const ending = new AbortController();
    const look = async (): Promise<void> => {
      const answer = await ask<MatrixView>('/api/verify', ending.signal);
      if (!ending.signal.aborted) setAnswer(answer);
    };
    void look();
    const timer = setInterval(() => void look(), greeting.hasLogin ? AGAIN_OWN_MS : AGAIN_MS);
    return () => {
      clearInterval(timer);
      ending.abort();
    };
  }, [greeting]);
  const { pair } = address.value;
  return (
    <section class="tenants" aria-label="Tenants">
      {problem !== undefined && <p class="dropped">{plain(problem)}</p>}
      {value === undefined ? problem === undefined && <p class="empty">proving ...</p> : <Proved view={value} />}
      {pair !== undefined && greeting !== undefined && <Pair key={pair} pair={pair} view={value} />}
    </section>
  );
}

/** Of more nobody could read a name: those of whom something is to be said go before the others. */
const MOST_DRAWN = 40;

/** From what has to be seen to what goes without saying. */
const WEIGHTS: readonly MatrixCell['standing'][] = ['broken', 'together', 'shared', 'untold', 'empty', 'isolated'];

function drawnOf({ tenants, cells }: MatrixView, wanted: string): readonly string[] {
  const named = tenants.filter((name) => title(name).toLowerCase().includes(wanted.toLowerCase()));
  if (named.length <= MOST_DRAWN) return named;
  const weights = new Map<string, number>();
  for (const { from, to, standing } of cells) {
    const weight = WEIGHTS.indexOf(standing);
    for (const name of [from, to]) weights.set(name, Math.min(weight, weights.get(name) ?? WEIGHTS.length));
  }
  const weightOf = (name: string): number => weights.get(name) ?? WEIGHTS.length;
  return named.toSorted((a, b) => weightOf(a) - weightOf(b)).slice(0, MOST_DRAWN);
}

/** How many pairs are not drawn, by how they stand. */
function Undrawn({
  view: { tenants, cells },
  drawn,
}: {
  readonly view: MatrixView;
  readonly drawn: readonly string[];
}) {
  const shown = new Set(drawn);
  const counts = new Map<string, number>();
  for (const { from, to, standing } of cells)
    if (!shown.has(from) || !shown.has(to)) counts.set(standing, (counts.get(standing) ?? 0) + 1);
  const all = tenants.length * (tenants.length - 1) - drawn.length * (drawn.length - 1);
  const listed = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const words = WEIGHTS.map(
    (standing) => [standing, standing === 'isolated' ? all - listed : (counts.get(standing) ?? 0)] as const,
  ).filter(([, count]) => count > 0);
  return (
    <p class="note undrawn">
      {number(tenants.length - drawn.length)} more tenants are not drawn. Of the pairs that they are in:{' '}
      {words.map(([standing, count]) => `${number(count)} ${standing}`).join(', ')}.
    </p>
  );
}

function Proved({ view }: { readonly view: MatrixView }) {
  const { cells, nodes, alarms } = view;
  const table = useRef<HTMLTableElement>(null);
  const [wanted, setWanted] = useState('');
  const tenants = drawnOf(view, wanted);
  const known = new Map(cells.map((cell) => [pairOf(cell.from, cell.to), cell]));
  const [first = '', second = ''] = tenants;
  // Tab comes to one of them, and arrows go on from there.
  const [stop, setStop] = useState(address.value.pair);
  const [from, to] = stop?.split('~') ?? [];
  const isThere = from !== to && [from, to].every((name) => name !== undefined && tenants.includes(name));
  const anchor = isThere ? stop : pairOf(first, second);
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = neighbour(event, table.current);
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  };
  return (
    <>
      <p class="note">
        Rows open connections, columns are opened to. Decided for all packets, from what is in the kernel. Arrow keys go
        from cell to cell.
      </p>
      {view.tenants.length > MOST_DRAWN && <NameSearch what="tenants" wanted={wanted} onWanted={setWanted} />}
      <div class="matrix">
        <table ref={table} aria-label="Who is apart from whom" onKeyDown={onKeyDown}>
          <thead>
            <tr>
              <td />
              {tenants.map((name) => (
                <th key={name} scope="col">
                  <Name text={title(name)} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {tenants.map((from) => (
              <tr key={from}>
                <th scope="row">
                  <Name text={title(from)} />
                </th>
                {tenants.map((to) => (
                  <td key={to}>
                    {from === to ? (
                      '·'
                    ) : (
                      <Cell
                        cell={known.get(pairOf(from, to))}
                        from={from}
                        to={to}
                        isStop={pairOf(from, to) === anchor}
                        onStop={setStop}
                      />
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {tenants.length < view.tenants.length && <Undrawn view={view} drawn={tenants} />}
      <ul class="proofs" aria-label="Proofs">
        {nodes.map(({ node, silent, tookMs, good }) => (
          <li key={node} class={silent !== undefined || good === false ? 'dropped' : ''}>
            <Name text={node} />:{' '}
            {silent !== undefined ? (
              <>
                not proved, <Name text={silent} />
              </>
            ) : (
              `${good === true ? 'as it is meant' : 'NOT as it is meant'}${tookMs === undefined ? '' : `, ${number(tookMs)} ms`}`
            )}
          </li>
        ))}
      </ul>
      <Alarms alarms={alarms} />
    </>
  );
}

function Cell({
  cell,
  from,
  to,
  isStop,
  onStop,
}: {
  readonly cell: MatrixCell | undefined;
  readonly from: string;
  readonly to: string;
  readonly isStop: boolean;
  readonly onStop: (pair: string) => void;
}) {
  const standing = cell?.standing ?? 'isolated';
  const pair = pairOf(from, to);
  return (
    <button
      type="button"
      class={`cell ${standing}`}
      tabIndex={isStop ? 0 : -1}
      aria-pressed={address.value.pair === pair}
      aria-label={`${plain(title(from))} to ${plain(title(to))}: ${standing}`}
      title={MEANINGS[standing]}
      onClick={() => go({ pair })}
      onFocus={() => onStop(pair)}
    >
      {WORDS[standing]}
    </button>
  );
}

function Alarms({ alarms }: { readonly alarms: MatrixView['alarms'] }) {
  if (alarms.length === 0) return null;
  return (
    <section class="alarms">
      <h3>Where the kernel is not as it is meant</h3>
      <ul>
        {alarms.map(({ node, effect, from, to, packets, rows, meant, packet }, index) => (
          <li key={`${node} ${index}`}>
            <Name text={alarmText(node, { from, to, packets, effect })} />
            <br />
            {rows.length + meant.length === 0 ? (
              'the operator is told which row'
            ) : (
              <>
                in the kernel <Name text={rows.join('; ')} />, meant <Name text={meant.join('; ')} />
              </>
            )}
            {packet !== undefined && (
              <>
                <br />
                <strong>
                  <Name text={packet} />
                </strong>
              </>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What opens from one to the other: a packet of each kind that does, as it was sent. */
function Pair({ pair, view }: { readonly pair: string; readonly view: MatrixView | undefined }) {
  const [from = '', to = ''] = pair.split('~');
  const [{ value, problem }, setAnswer] = useState<Answer<ReachView>>({});
  const isOthers = [from, to].includes(OTHERS);
  useEffect(() => {
    if (isOthers) return undefined;
    const ending = new AbortController();
    const look = async (): Promise<void> => {
      const asked = new URLSearchParams({ from, to });
      const answer = await ask<ReachView>(`/api/verify?${asked.toString()}`, ending.signal);
      if (!ending.signal.aborted) setAnswer(answer);
    };
    void look();
    return () => ending.abort();
  }, [from, to, isOthers]);
  const cell = view?.cells.find((one) => pairOf(one.from, one.to) === pair);
  return (
    <aside class="reach" aria-label="Pair">
      <button type="button" class="quiet close" onClick={() => go({ pair: undefined })} aria-label="Close">
        ×
      </button>
      <h2>
        <Name text={title(from)} /> → <Name text={title(to)} />
      </h2>
      {cell !== undefined && <p>{MEANINGS[cell.standing]}</p>}
      {cell?.example !== undefined && (
        <p>
          shared: <Name text={`${cell.example.from} → ${cell.example.to}, ${cell.example.packets}`} />:{' '}
          <Name text={cell.example.why.join('; ')} />
        </p>
      )}
      {problem !== undefined && <p class="dropped">{plain(problem)}</p>}
      {isOthers ? (
        <p class="note">Who the others are, and what they have, is not yours to see: this is the worst of them all.</p>
      ) : value === undefined ? (
        problem === undefined && <p class="note">asking every node ...</p>
      ) : (
        <Reached view={value} />
      )}
    </aside>
  );
}

function Reached({ view: { reached, more, pairs, silent } }: { readonly view: ReachView }) {
  return (
    <>
      {silent.map((text) => (
        <p key={text} class="dropped">
          not proved: <Name text={text} />
        </p>
      ))}
      {reached.length === 0 ? (
        <p>No packet opens a connection: {number(pairs)} pairs were decided, each for all packets.</p>
      ) : (
        <ul>
          {reached.map(({ node, from, to, packets, why, packet }, index) => (
            <li key={`${node} ${index}`}>
              <Name text={`${from} → ${to}, ${packets}`} />
              <br />
              <span class="note">
                <Name text={`${node}: ${why.join('; ')}`} />
              </span>
              {packet !== undefined && (
                <>
                  <br />
                  <strong>
                    <Name text={packet} />
                  </strong>
                </>
              )}
            </li>
          ))}
        </ul>
      )}
      {more > 0 && <p class="note">and {number(more)} more</p>}
    </>
  );
}

/** The name of all tenants that are not for who looks: no Tenant is called so. */
const OTHERS = '*';
const title = (name: string): string => (name === '' ? '(nobody)' : name === OTHERS ? '(all others)' : name);

function alarmText(
  node: string,
  { from, to, packets, effect }: Pick<MatrixView['alarms'][number], 'from' | 'to' | 'packets' | 'effect'>,
): string {
  if (from === '' && to === '')
    return `${node}: ${packets || 'whose an address is, or what is not listed'} (${effect})`;
  return `${node}: ${title(from)} → ${title(to)}, ${packets} (${effect})`;
}
const pairOf = (from: string, to: string): string => `${from}~${to}`;
