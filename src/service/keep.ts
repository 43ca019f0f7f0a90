import { type Backend, type Frontend, frontendKey } from '../model/index.ts';

/** What of a service's frontends had a place before. */
export type KnownPlaces = {
  readonly frontends: ReadonlySet<string>;
  /** Of each port: `address:port` of its backends. */
  readonly backends: ReadonlyMap<string, ReadonlySet<string>>;
};

export const NO_PLACES: KnownPlaces = { frontends: new Set(), backends: new Map() };

/** Of what a service has. */
export function placesOf(before: readonly Frontend[]): KnownPlaces {
  const backends = new Map<string, Set<string>>();
  for (const frontend of before) {
    const known = backends.get(portOf(frontend)) ?? new Set<string>();
    backends.set(portOf(frontend), known);
    for (const list of new Set([frontend.backends, frontend.externalBackends, frontend.draining])) {
      for (const backend of list) known.add(backendPlace(backend));
    }
  }
  return { frontends: new Set(before.map(frontendKey)), backends };
}

/** Addresses of all that is known. */
export function knownAddresses({ backends }: KnownPlaces): Set<string> {
  const places = [...backends.values()].flatMap((known) => [...known]);
  return new Set(places.map((place) => place.slice(0, place.lastIndexOf(':'))));
}

/** The frontends with those backends only that they had: what is gone is gone, and nothing comes. */
export function keepKnown(frontends: readonly Frontend[], { backends }: KnownPlaces): Frontend[] {
  const kept = new Map<readonly Backend[], readonly Backend[]>();
  const keep = (list: readonly Backend[], known: ReadonlySet<string> | undefined): readonly Backend[] => {
    // Lists that were one stay one: so few sets are needed.
    const done = kept.get(list);
    if (done !== undefined) return done;
    const rest = known === undefined ? [] : list.filter((backend) => known.has(backendPlace(backend)));
    kept.set(list, rest);
    return rest;
  };
  return frontends.map((frontend) => {
    const known = backends.get(portOf(frontend));
    return {
      ...frontend,
      backends: keep(frontend.backends, known),
      externalBackends: keep(frontend.externalBackends, known),
      draining: keep(frontend.draining, known),
    };
  });
}

const backendPlace = ({ addr, port }: Backend): string => `${addr}:${port}`;

export function portOf({ portName, protocol }: Pick<Frontend, 'portName' | 'protocol'>): string {
  return `${portName} ${protocol}`;
}
