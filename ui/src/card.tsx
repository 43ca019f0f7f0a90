import { useEffect, useRef } from 'preact/hooks';
import { address, go } from './address.ts';
import { FlowCard } from './flow-card.tsx';
import { PlaceCard } from './place-card.tsx';
import { select, selected } from './selection.ts';

/** What was chosen: a row of the table, else a place of the map. */
export function Card() {
  const row = selected.value;
  const { place } = address.value;
  const box = useRef<HTMLElement>(null);
  useEffect(() => box.current?.scrollTo({ top: 0 }), [row, place]);
  const close = (): void => {
    if (row !== undefined) select(undefined);
    else go({ place: undefined });
  };
  return (
    <aside ref={box} class="card" aria-label={row === undefined ? 'Place' : 'Flow'}>
      <button type="button" class="quiet close" onClick={close} aria-label="Close">
        ×
      </button>
      {row !== undefined ? <FlowCard row={row} /> : place !== undefined && <PlaceCard place={place} />}
    </aside>
  );
}
