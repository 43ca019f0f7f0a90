import { useEffect, useRef, useState } from 'preact/hooks';
import type { Row } from '../../src/ui/messages.ts';
import { address } from './address.ts';
import { Name, plain } from './name.tsx';
import { select, selected } from './selection.ts';
import { clock, decidedBy, endName, number, portOf } from './words.ts';
import { hello, isLoading, past, rows } from './world.ts';

const ROW_PX = 30;
const PHONE_ROW_PX = 54;
/** Drawn beyond what is seen, so that scrolling shows no gap. */
const MORE_ROWS = 8;
const COLUMNS = ['Time', 'Verdict', 'From', 'To', 'Port', 'Event', 'Decided by', 'Node'] as const;

/** Newest first. Whoever scrolls down, or chose a row, reads in peace: what comes meanwhile is counted, and shown when asked for. */
export function FlowTable() {
  const box = useRef<HTMLDivElement>(null);
  const [held, setHeld] = useState<readonly Row[] | undefined>(undefined);
  const [{ top, height, width }, setPlace] = useState({ top: 0, height: 600, width: 1_000 });
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      setPlace((before) => ({ ...before, height: element.clientHeight, width: element.clientWidth }));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const { query, mutes, until } = address.value;
  // Another question has other answers.
  useEffect(() => setHeld(undefined), [query, mutes.join('\n'), until]);
  // What was shown is not for who looks any more.
  const isForgotten = hello.value === undefined;
  useEffect(() => {
    if (isForgotten) setHeld(undefined);
  }, [isForgotten]);

  const all = rows.value;
  const shown = isForgotten ? all : (held ?? all);
  // Rows of a stream that was asked for anew are others, whatever their numbers.
  const waiting = held === undefined ? 0 : held[0] === undefined ? all.length : all.indexOf(held[0]);
  const rowPx = width < 640 ? PHONE_ROW_PX : ROW_PX;
  const first = Math.max(0, Math.floor(top / rowPx) - MORE_ROWS);
  const visible = shown.slice(first, first + Math.ceil(height / rowPx) + 2 * MORE_ROWS);
  const chosen = selected.value;

  const onScroll = (): void => {
    const now = box.current?.scrollTop ?? 0;
    setPlace((before) => ({ ...before, top: now }));
    if (now > rowPx) setHeld((before) => before ?? rows.peek());
    else if (chosen === undefined) setHeld(undefined);
  };
  const release = (): void => {
    setHeld(undefined);
    box.current?.scrollTo({ top: 0 });
  };
  const open = (row: Row): void => {
    setHeld((before) => before ?? rows.peek());
    select(row);
  };
  const step = (by: number): void => {
    const at = shown.findIndex(({ id, flow }) => id === chosen?.id && flow === chosen.flow);
    const next = shown[Math.min(shown.length - 1, Math.max(0, at + by))];
    if (next === undefined) return;
    open(next);
    const y = shown.indexOf(next) * rowPx;
    const element = box.current;
    if (element === null) return;
    if (y < element.scrollTop) element.scrollTop = y;
    else if (y + 2 * rowPx > element.scrollTop + element.clientHeight)
      element.scrollTop = y + 2 * rowPx - element.clientHeight;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -shown.length, End: shown.length }[
      event.key
    ];
    if (by === undefined) return;
    event.preventDefault();
    step(by);
  };

  return (
    <section class="flows" aria-label="Flows">
      {waiting !== 0 && held !== undefined && (
        <button type="button" class="more main" onClick={release}>
          ▲ {waiting < 0 ? 'all' : number(waiting)} newer
        </button>
      )}
      <div
        ref={box}
        class="table"
        role="grid"
        aria-label="Flows, newest first; arrow keys open the next one"
        aria-rowcount={shown.length + 1}
        aria-colcount={COLUMNS.length}
        aria-activedescendant={visible.some(({ flow }) => flow === chosen?.flow) ? `row-${chosen?.id}` : undefined}
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
      >
        <div class="row head" role="row" aria-rowindex={1}>
          {COLUMNS.map((title) => (
            <span key={title} role="columnheader">
              {title}
            </span>
          ))}
        </div>
        {shown.length === 0 && (
          <p class="empty">
            {isLoading.value
              ? 'Looking ...'
              : until === undefined
                ? 'No flow matches so far. What comes is shown at once.'
                : 'No flow of that time matches.'}
          </p>
        )}
        <div class="rows" role="presentation" style={{ height: `${shown.length * rowPx}px` }}>
          {visible.map((row, index) => (
            <FlowRow
              key={row.id}
              row={row}
              y={(first + index) * rowPx}
              index={first + index}
              isChosen={chosen?.flow === row.flow}
              onOpen={open}
            />
          ))}
        </div>
        {past.value === 'newest' && (
          <p class="empty">There were more in this time: these are the newest. A filter shows the others.</p>
        )}
      </div>
    </section>
  );
}

type RowProps = {
  readonly row: Row;
  readonly y: number;
  readonly index: number;
  readonly isChosen: boolean;
  readonly onOpen: (row: Row) => void;
};

function FlowRow({ row, y, index, isChosen, onOpen }: RowProps) {
  const { flow, count, first, mixed } = row;
  const { verdict, type, dropReason } = flow;
  return (
    <div
      class={`row ${verdict}`}
      role="row"
      id={`row-${row.id}`}
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      style={{ transform: `translateY(${y}px)` }}
      onClick={() => onOpen(row)}
    >
      <span role="gridcell" class="time">
        {clock(flow.time, { fraction: true })}
      </span>
      <span role="gridcell" class="verdict">
        <b>{verdict}</b>
        {count !== undefined && (
          <i
            title={
              first === undefined
                ? ''
                : `since ${clock(first, { fraction: true })}${mixed === true ? ', by several ports or ends' : ''}`
            }
          >
            ×{number(count)}
          </i>
        )}
      </span>
      <span role="gridcell" class="from">
        <Name text={endName(flow.source)} title={flow.source.labels.join('\n')} />
      </span>
      <span role="gridcell" class="to">
        <Name text={endName(flow.destination)} title={flow.destination.labels.join('\n')} />
      </span>
      <span role="gridcell" class="port">
        {mixed === true ? 'several' : plain(portOf(flow))}
      </span>
      <span role="gridcell" class="event">
        {plain(dropReason ?? (flow.isReply ? `${type} (reply)` : type))}
      </span>
      <span role="gridcell" class="why">
        <Name text={decidedBy(flow)} title={flow.denial?.reason} />
      </span>
      <span role="gridcell" class="node">
        <Name text={flow.node} />
      </span>
    </div>
  );
}
