import { placeName } from '../../src/ui/place.ts';
import { term } from '../../src/ui/query.ts';
import { go, narrow } from './address.ts';
import { Name } from './name.tsx';
import { number } from './words.ts';
import { inventory, type Pair, pairs } from './world.ts';

const MOST = 50;
const EXTENTS = {
  all: 'only what policies allow',
  some: 'of some pods only what policies allow, of others everything',
  none: 'everything: no policy selects it',
} as const;

/** A workload, or somebody who is none, with whom it talks. */
export function PlaceCard({ place }: { readonly place: string }) {
  const { workloads, services } = inventory.value;
  const workload = workloads.find(({ key }) => key === place);
  const { name, namespace } = placeName(place);
  const of = services.filter(({ backends }) => backends.includes(place));
  const incoming = pairs.value.filter(({ to }) => to.key === place);
  const outgoing = pairs.value.filter(({ from }) => from.key === place);
  return (
    <>
      <h2>
        <Name text={name} />
      </h2>
      <p class="lead">
        {namespace === undefined ? (
          'not a workload of this cluster'
        ) : (
          <button type="button" class="link" onClick={() => narrow(term('ns', namespace))}>
            <Name text={namespace} />
          </button>
        )}
      </p>
      {workload !== undefined && (
        <dl>
          <dt>pods</dt>
          <dd>
            {number(workload.pods)} on <Name text={workload.nodes.join(', ')} />
          </dd>
          <dt>lets in</dt>
          <dd class={workload.enforced.ingress === 'none' ? 'open' : ''}>{EXTENTS[workload.enforced.ingress]}</dd>
          <dt>lets out</dt>
          <dd class={workload.enforced.egress === 'none' ? 'open' : ''}>{EXTENTS[workload.enforced.egress]}</dd>
          {workload.trouble !== undefined && (
            <>
              <dt>trouble</dt>
              <dd class="dropped">
                <Name text={workload.trouble} />
              </dd>
            </>
          )}
          {of.length > 0 && (
            <>
              <dt>services</dt>
              <dd>
                <Name text={of.map((service) => `${service.namespace}/${service.name}`).join(', ')} />
              </dd>
            </>
          )}
        </dl>
      )}
      <div class="actions">
        <button type="button" onClick={() => narrow(termOf('pod', place))}>
          Only its flows
        </button>
        <button type="button" onClick={() => narrow(termOf('pod', place), 'verdict:dropped')}>
          Only its drops
        </button>
      </div>
      <Peers title="Talks to" list={outgoing} peer={({ to }) => to} />
      <Peers title="Is talked to by" list={incoming} peer={({ from }) => from} />
    </>
  );
}

export function termOf(field: 'pod' | 'from' | 'to', place: string): string {
  return term(field, place.startsWith('reserved:') ? place.slice('reserved:'.length) : place.replace(/\/\?$/, '/'));
}

type PeersProps = { readonly title: string; readonly list: readonly Pair[]; readonly peer: (pair: Pair) => Pair['to'] };

function Peers({ title, list, peer }: PeersProps) {
  const most = list.toSorted((a, b) => b.dropped - a.dropped || b.forwarded - a.forwarded).slice(0, MOST);
  return (
    <section>
      <h3>
        {title} {list.length > 0 && <small>{number(list.length)}</small>}
      </h3>
      {list.length === 0 && <p class="note">nobody within this time</p>}
      <ul class="peers">
        {most.map((pair) => (
          <li key={peer(pair).key}>
            <button type="button" class="link" onClick={() => go({ place: peer(pair).key })}>
              <Name text={peer(pair).key} />
            </button>
            <button
              type="button"
              class="counts link"
              aria-label="Filter for these two"
              onClick={() => narrow(termOf('from', pair.from.key), termOf('to', pair.to.key))}
            >
              {pair.forwarded > 0 && <span class="forwarded">{number(pair.forwarded)} forwarded</span>}
              {pair.dropped > 0 && <span class="dropped">{number(pair.dropped)} dropped</span>}
            </button>
          </li>
        ))}
      </ul>
      {list.length > MOST && <p class="note">and {number(list.length - MOST)} more</p>}
    </section>
  );
}
