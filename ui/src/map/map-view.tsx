import { signal } from '@preact/signals';
import { memo } from 'preact/compat';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { parseQuery } from '../../../src/ui/query.ts';
import { address, go, narrow } from '../address.ts';
import { neighbour } from '../keys.ts';
import { Name, plain } from '../name.tsx';
import { termOf } from '../place-card.tsx';
import { painted } from '../theme.ts';
import { inventory, isLoading, pairs, talking } from '../world.ts';
import { fitted, steer, zoomed } from './camera.ts';
import { BEYOND, islandsOf } from './islands.ts';
import { type Box, type Chip, type IslandBox, layOut } from './layout.ts';
import { Legend } from './legend.tsx';
import { anchorsOf, type Line, linesOf } from './lines.ts';
import { type Camera, lineAt, paint } from './paint.ts';
import { Tools } from './tools.tsx';

const folded = signal<ReadonlySet<string>>(new Set());
const hovered = signal<string | undefined>(undefined);
/** The one of a thousand that Tab comes to: from there on arrows lead. */
const stop = signal<string | undefined>(undefined);

function fold(key: string): void {
  const next = new Set(folded.value);
  if (!next.delete(key)) next.add(key);
  folded.value = next;
}

export function MapView() {
  const view = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const world = useRef<HTMLDivElement>(null);
  const camera = useRef<Camera>({ x: 0, y: 0, k: 1 });
  const wasMoved = useRef(false);
  const lines = useRef<readonly Line[]>([]);
  const [size, setSize] = useState({ width: 1_000, height: 600 });

  const told = inventory.value;
  const talk = pairs.value;
  const who = talking.value;
  const aspect = size.width < 640 ? 0.7 : size.width / Math.max(1, size.height);
  const closed = folded.value;
  const { place, query } = address.value;
  const wanted = namespacesIn(query, place);
  const layout = useMemo(
    () => layOut(islandsOf(told, new Set(who), new Set(wanted.split('\n'))), closed, Math.min(2.6, aspect)),
    [told, who, closed, wanted, Math.round(aspect * 4)],
  );
  const anchors = useMemo(() => anchorsOf(layout), [layout]);
  const focus = hovered.value ?? place;

  const redraw = (): void => {
    const { x, y, k } = camera.current;
    if (world.current !== null) {
      world.current.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
      world.current.style.setProperty('--far', String(Math.max(1, 0.62 / k)));
      world.current.classList.toggle('far', k < 0.55);
    }
    if (canvas.current === null) return;
    const near = focus === undefined ? [] : [anchors.get(focus)?.key ?? focus];
    paint(canvas.current, lines.current, camera.current, new Set(near));
  };
  const frame = useRef(0);
  const draw = useRef(redraw);
  draw.current = redraw;
  const later = (): void => {
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      draw.current();
    });
  };
  const move = (next: Camera): void => {
    camera.current = next;
    wasMoved.current = true;
    later();
  };
  const fit = (): void => {
    camera.current = fitted(layout, size);
    wasMoved.current = false;
    later();
  };
  const colours = painted.value;
  useEffect(() => {
    lines.current = linesOf(talk, anchors, focus);
    later();
  }, [talk, anchors, focus, colours]);
  // Nobody who found a place loses it because something came.
  useEffect(() => {
    if (!wasMoved.current) fit();
  }, [layout.width, layout.height, size]);
  useEffect(() => {
    const element = view.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    const end = steer(element, {
      camera: () => camera.current,
      move,
      click: (x, y) => {
        const { k, x: left, y: top } = camera.current;
        const line = lineAt(lines.current, { x: (x - left) / k, y: (y - top) / k }, k);
        if (line === undefined) go({ place: undefined });
        else narrow(...boxTerms(line));
      },
    });
    return () => {
      observer.disconnect();
      end();
      cancelAnimationFrame(frame.current);
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent): void => {
    const next = neighbour(event, world.current);
    if (next === undefined) return;
    event.preventDefault();
    next.focus({ preventScroll: true });
  };
  /** What has the focus is seen. A browser would scroll what lines are drawn over. */
  const onFocus = ({ target }: FocusEvent): void => {
    if (view.current === null || !(target instanceof HTMLElement)) return;
    view.current.scrollTo(0, 0);
    if (!target.matches(':focus-visible')) return;
    const { x, y } = outside(target.getBoundingClientRect(), view.current.getBoundingClientRect());
    const { k, x: left, y: top } = camera.current;
    if (x !== 0 || y !== 0) move({ k, x: left - x, y: top - y });
  };
  const centre = { x: size.width / 2, y: size.height / 2 };
  return (
    <section class="map" aria-label="Map">
      <div ref={view} class="viewport">
        <canvas ref={canvas} aria-hidden="true" />
        <div
          ref={world}
          class="world"
          role="group"
          aria-label="Who is there; arrow keys go on"
          style={{ width: `${layout.width}px`, height: `${layout.height}px` }}
          onKeyDown={onKeyDown}
          onFocusCapture={onFocus}
        >
          <Islands islands={layout.islands} place={place} stop={anchorOf(layout.islands, stop.value)} />
        </div>
        {layout.islands.length === 0 && <p class="empty">{isLoading.value ? 'Looking ...' : 'Nobody is here yet.'}</p>}
      </div>
      <Tools
        zoom={(by) => move(zoomed(camera.current, by, centre))}
        fit={fit}
        hasFolded={closed.size > 0}
        fold={() => {
          folded.value = closed.size > 0 ? new Set() : new Set(layout.islands.map(({ key }) => key));
        }}
      />
      <Legend />
    </section>
  );
}

/** Whom a filter names, or the card. */
function namespacesIn(query: string, place = ''): string {
  const terms = parseQuery(query).alternatives.flat();
  const named = terms.flatMap(({ field, values, not }) => {
    if (not) return [];
    if (field === 'ns') return values;
    return ['from', 'to', 'pod'].includes(field) ? values.map((value) => value.split('/')[0] ?? '') : [];
  });
  return [...named, place.split('/')[0] ?? ''].join('\n');
}

/** What a line stands for, as a filter: a place, or all of a namespace, or of an island's. */
function boxTerms({ from, to }: Line): string[] {
  const of = (field: 'from' | 'to', key: string): string[] => {
    const namespace = /^(?:ns|tenant):[^ ]* (.+)$/.exec(key)?.[1] ?? /^ns:([^ ]+)$/.exec(key)?.[1];
    if (namespace !== undefined) return [termOf(field, `${namespace}/?`)];
    if (!/^(tenant:|outside$|beyond$)/.test(key)) return [termOf(field, key)];
    const names = inventory.peek().tenants.find(({ name }) => key === `tenant:${name}`)?.namespaces ?? [];
    return names.length === 0 ? [] : [`${field}:${names.map((name) => `${name}/`).join(',')}`];
  };
  return [...of('from', from), ...of('to', to)];
}

/** How far a box is beyond what frames it. */
function outside(box: DOMRect, frame: DOMRect): { readonly x: number; readonly y: number } {
  const beyond = (from: number, to: number, least: number, most: number): number =>
    from < least + EDGE_PX ? from - least - EDGE_PX : to > most - EDGE_PX ? to - most + EDGE_PX : 0;
  return {
    x: beyond(box.left, box.right, frame.left, frame.right),
    y: beyond(box.top, box.bottom, frame.top, frame.bottom),
  };
}
const EDGE_PX = 12;

/** Where Tab comes to: what had the focus last, if it is there, or the first. */
function anchorOf(islands: readonly IslandBox[], last: string | undefined): string | undefined {
  const isThere = islands.some(
    ({ key, boxes }) => key === last || boxes.some(({ chips }) => chips.some((chip) => chip.key === last)),
  );
  return isThere ? last : islands[0]?.key;
}

type IslandsProps = {
  readonly islands: readonly IslandBox[];
  readonly place: string | undefined;
  readonly stop: string | undefined;
};

/** A thousand of them: drawn anew only when there are others, or another one is chosen. */
const Islands = memo(({ islands, place, stop: anchor }: IslandsProps) => (
  <>
    {islands.map((island) => (
      <Island key={island.key} island={island} place={place} anchor={anchor} />
    ))}
  </>
));

const TOO_MANY = 'Too many to draw: a filter for one (ns:NAME) puts it on the map';

const placed = ({ x, y, w, h }: Box) => ({ left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });

type IslandProps = {
  readonly island: IslandBox;
  readonly place: string | undefined;
  readonly anchor: string | undefined;
};

function Island({ island, place, anchor }: IslandProps) {
  const { key, title, closed, box, boxes, isFolded, size } = island;
  const kind = key.startsWith('tenant:') ? 'tenant' : key.startsWith('ns:') ? 'namespace' : key;
  const isBeyond = key === BEYOND;
  return (
    <>
      <div
        class={`island ${kind}${isFolded ? ' folded' : ''}${closed === undefined ? '' : ' closed'}`}
        style={placed(box)}
      />
      <button
        type="button"
        class="title"
        tabIndex={key === anchor ? 0 : -1}
        style={{ left: `${box.x}px`, top: `${box.y}px`, width: `${box.w}px` }}
        aria-expanded={isBeyond ? undefined : !isFolded}
        aria-label={`${isBeyond ? '' : `${kind} `}${plain(title)}, ${size} ${size === 1 ? 'place' : 'places'}${closed === undefined ? '' : `, closed: ${plain(closed)}`}`}
        title={plain(isBeyond ? TOO_MANY : (closed ?? `${isFolded ? 'Unfold' : 'Fold'} ${title}`))}
        onClick={() => (isBeyond ? document.querySelector<HTMLInputElement>('#query')?.focus() : fold(key))}
        onFocus={() => (stop.value = key)}
      >
        <span aria-hidden="true">{isBeyond ? '…' : isFolded ? '▸' : '▾'}</span> <Name text={title} />
        <small>{size}</small>
      </button>
      {boxes.map(({ name, box: space, chips }) => (
        <div key={name}>
          {(boxes.length > 1 || (name !== title && name !== '')) && (
            <div class="space" style={placed(space)}>
              <Name text={name} />
            </div>
          )}
          {chips.map((chip) => (
            <ChipButton key={chip.key} chip={chip} isChosen={chip.key === place} isStop={chip.key === anchor} />
          ))}
        </div>
      ))}
    </>
  );
}

type ChipProps = { readonly chip: Chip; readonly isChosen: boolean; readonly isStop: boolean };

const ChipButton = memo(({ chip, isChosen, isStop }: ChipProps) => {
  const { key, name, workload, isGone, isDot, box } = chip;
  const { ingress, egress } = workload?.enforced ?? {};
  const isOpen = ingress === 'none' && egress === 'none';
  const words = [
    key.replace('reserved:', ''),
    ...(workload === undefined ? [] : [`${workload.pods} ${workload.pods === 1 ? 'pod' : 'pods'}`]),
    ...(isOpen ? ['no policy selects it'] : []),
    ...(isGone ? ['gone'] : []),
    ...(workload?.trouble === undefined ? [] : [workload.trouble]),
  ].join(', ');
  const classes = [
    'chip-place',
    isDot && 'dot',
    isOpen && 'open',
    isGone && 'gone',
    workload?.trouble !== undefined && 'trouble',
    workload === undefined && 'other',
  ];
  return (
    <button
      type="button"
      class={classes.filter(Boolean).join(' ')}
      tabIndex={isStop ? 0 : -1}
      style={placed(box)}
      aria-pressed={isChosen}
      aria-label={plain(words)}
      title={plain(words)}
      onClick={() => go({ place: isChosen ? undefined : key })}
      onMouseEnter={() => (hovered.value = key)}
      onMouseLeave={() => (hovered.value = undefined)}
      onFocus={() => (hovered.value = stop.value = key)}
      onBlur={() => (hovered.value = undefined)}
    >
      {!isDot && (
        <>
          <Name text={name} />
          {workload !== undefined && workload.pods > 1 && <small>×{workload.pods}</small>}
        </>
      )}
    </button>
  );
});
