import { go } from '../address.ts';
import { Name } from '../name.tsx';
import { number } from '../words.ts';
import { inventory, pairs, rest } from '../world.ts';

const MOST_SHOWN = 200;

/** What lines mean, and what the map does not show. */
export function Legend() {
  const { workloads } = inventory.value;
  const unselected = workloads.filter(({ enforced }) => enforced.ingress === 'none' && enforced.egress === 'none');
  const dropping = pairs.value.filter(({ dropped }) => dropped > 0);
  const untold = rest.value.forwarded + rest.value.dropped;
  return (
    <div class="legend">
      <span class="forwarded">forwarded</span>
      <span class="dropped">dropped{dropping.length > 0 ? `, ${number(dropping.length)} pairs` : ''}</span>
      {untold > 0 && <span class="rest">{number(untold)} more between pairs that are too many to draw</span>}
      <details class="open" hidden={workloads.length === 0}>
        <summary>{number(unselected.length)} that no policy selects</summary>
        <ul>
          {unselected.slice(0, MOST_SHOWN).map(({ key }) => (
            <li key={key}>
              <button type="button" class="link" onClick={() => go({ place: key })}>
                <Name text={key} />
              </button>
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}
