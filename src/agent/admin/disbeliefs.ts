import { DISBELIEFS, type Disbelief } from '../../cluster/index.ts';

const DISBELIEF_TEXTS: Readonly<Record<Disbelief, string>> = {
  'no-node': 'of nodes that are not there',
  'foreign-address': 'at addresses that their node is not the one to give out',
  'told-twice': 'at the address of another pod',
  'unknown-identity': 'with numbers that mean nobody',
};

/** Where nodes tell of pods that are not believed to be there: how many for which reason, and one of each. */
export function disbeliefs(all: ReadonlyMap<string, Disbelief>): string[] {
  return DISBELIEFS.flatMap((kind) => {
    const [first, ...others] = Array.from(all).filter(([, why]) => why === kind);
    if (first === undefined) return [];
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    return [`NodeEndpointSlices tell of pods ${DISBELIEF_TEXTS[kind]}, which nobody believes: ${first[0]}${more}`];
  });
}
