import { useEffect } from 'preact/hooks';
import { address, go, VIEWS } from './address.ts';
import { Card } from './card.tsx';
import { FilterBar } from './filter-bar.tsx';
import { FlowTable } from './flow-table.tsx';
import { Header } from './header.tsx';
import { Login } from './login.tsx';
import { MapView } from './map/map-view.tsx';
import { select, selected } from './selection.ts';
import { Services } from './services.tsx';
import { Tenants } from './tenants.tsx';
import { Timeline } from './timeline.tsx';
import { broken } from './world.ts';

const TITLES = { map: 'Map', flows: 'Flows', services: 'Services', tenants: 'Tenants' } as const;

export function App() {
  const { view, place } = address.value;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLInputElement && event.target.type !== 'range';
      if (event.key === 'Escape') {
        if (isTyping) return;
        select(undefined);
        if (address.peek().place !== undefined) go({ place: undefined });
        if (address.peek().pair !== undefined) go({ pair: undefined });
      }
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === '/') {
        event.preventDefault();
        document.querySelector<HTMLInputElement>('#query')?.focus();
      }
      const chosen = VIEWS[Number(event.key) - 1];
      if (chosen !== undefined) go({ view: chosen });
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  if (broken.value?.code === 'E_UI_LOGIN') return <Login />;
  const hasCard = selected.value !== undefined || place !== undefined;
  return (
    <div class={`page view-${view}${hasCard ? ' with-card' : ''}`}>
      <Header />
      <nav class="views" aria-label="Views">
        {VIEWS.map((name, index) => (
          <button
            key={name}
            type="button"
            aria-current={view === name ? 'page' : undefined}
            title={`Key ${index + 1}`}
            onClick={() => go({ view: name })}
          >
            {TITLES[name]}
          </button>
        ))}
      </nav>
      <FilterBar />
      <Timeline />
      <main>
        {view === 'map' && <MapView />}
        {view === 'services' ? <Services /> : view === 'tenants' ? <Tenants /> : <FlowTable />}
      </main>
      {hasCard && <Card />}
    </div>
  );
}
