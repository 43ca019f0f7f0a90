import { useState } from 'preact/hooks';
import { go } from './address.ts';
import { Name } from './name.tsx';
import { NameSearch } from './name-search.tsx';
import { number } from './words.ts';
import { inventory } from './world.ts';

/** More is nobody's list. */
const MOST_DRAWN = 300;

export function Services() {
  const { services: all, isPartial } = inventory.value;
  const [wanted, setWanted] = useState('');
  const named = all.filter(({ namespace, name }) => `${namespace}/${name}`.includes(wanted.toLowerCase()));
  const services = named.slice(0, MOST_DRAWN);
  return (
    <section class="services" aria-label="Services">
      {all.length > MOST_DRAWN && (
        <NameSearch what="Services" wanted={wanted} onWanted={setWanted}>
          {' '}
          {number(services.length)} of {number(all.length)} are drawn
        </NameSearch>
      )}
      {all.length === 0 && (
        <p class="empty">
          {isPartial === true
            ? 'There is no Service in namespaces whose flows you may list.'
            : 'There is no Service, or the agents do not serve them.'}
        </p>
      )}
      {services.map((service) => (
        <article key={`${service.namespace}/${service.name}`} class={service.problems.length > 0 ? 'trouble' : ''}>
          <h3>
            <Name text={`${service.namespace}/${service.name}`} /> <small>{service.type}</small>
            {service.state !== 'applied' && <small class="state">{service.state}</small>}
          </h3>
          <ul class="ports">
            {service.ports.map((port) => (
              <li key={port}>
                <code>
                  <Name text={port} />
                </code>
              </li>
            ))}
          </ul>
          <p>
            {service.backendCount === 0 ? (
              <span class="dropped">no backend</span>
            ) : (
              `${number(service.backendCount)} backends: `
            )}
            {service.backends.map((key) => (
              <button key={key} type="button" class="chip" onClick={() => go({ place: key })}>
                <Name text={key} />
              </button>
            ))}
          </p>
          {service.problems.map((problem) => (
            <p key={problem} class="dropped">
              <Name text={problem} />
            </p>
          ))}
        </article>
      ))}
    </section>
  );
}
