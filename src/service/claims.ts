import {
  type Frontend,
  type FrontendKind,
  frontendKey,
  type ServiceProblem,
  type ServiceSpec,
} from '../model/index.ts';

type Claim = { readonly frontend: Frontend; readonly createdAt: string; readonly uid: string };

/** The server gives cluster addresses and node ports out itself; anybody may write the others. */
const STANDING: Readonly<Record<FrontendKind, number>> = { ClusterIP: 0, NodePort: 1, LoadBalancer: 2, ExternalIP: 3 };

/**
 * Who has a place when several services want it: what the API server gave out before what an object merely says, then the
 * older service, then the smaller uid, so that every node decides alike. Asking and changing cost by the service.
 */
export class FrontendClaims {
  /** By place; the first has it. */
  readonly #claims = new Map<string, readonly Claim[]>();
  readonly #places = new Map<string, readonly string[]>();

  /** Replaces all claims of a service; none: it is gone. Every place that it has or had is given back. */
  replace(
    service: Pick<ServiceSpec, 'namespace' | 'name' | 'createdAt' | 'uid'>,
    frontends: readonly Frontend[],
  ): Set<string> {
    const owner = frontends[0]?.service ?? `${service.namespace}/${service.name}`;
    const touched = new Set(this.#places.get(owner));
    for (const place of touched) {
      const others = this.#claims.get(place)?.filter(({ frontend }) => frontend.service !== owner) ?? [];
      if (others.length === 0) this.#claims.delete(place);
      else this.#claims.set(place, others);
    }
    const places = frontends.map(frontendKey);
    for (const [index, frontend] of frontends.entries()) {
      const place = places[index] ?? frontendKey(frontend);
      const claim = { frontend, createdAt: service.createdAt, uid: service.uid };
      const others = this.#claims.get(place);
      this.#claims.set(place, others === undefined ? [claim] : [...others, claim].sort(compare));
      touched.add(place);
    }
    if (places.length === 0) this.#places.delete(owner);
    else this.#places.set(owner, places);
    return touched;
  }

  winner(place: string): Frontend | undefined {
    return this.#claims.get(place)?.[0]?.frontend;
  }

  /** Owners of all claims on a place. */
  claimants(place: string): string[] {
    return this.#claims.get(place)?.map(({ frontend }) => frontend.service) ?? [];
  }

  /** In the order of the frontends that it was given. */
  placesOf(service: string): readonly string[] {
    return this.#places.get(service) ?? [];
  }

  /** Places that a service wants and another has. */
  problems(service: string): ServiceProblem[] {
    return (this.#places.get(service) ?? []).flatMap((place) => {
      const owner = this.winner(place)?.service;
      if (owner === undefined || owner === service) return [];
      return [{ reason: 'FrontendTaken', message: `${place} belongs to service ${owner}` }];
    });
  }
}

function compare(a: Claim, b: Claim): number {
  const standing = STANDING[a.frontend.kind] - STANDING[b.frontend.kind];
  if (standing !== 0) return standing;
  // RFC 3339 in UTC with one precision, as the API server writes it, sorts as text; without one is youngest.
  const [ageA, ageB] = [a.createdAt || '~', b.createdAt || '~'];
  if (ageA !== ageB) return ageA < ageB ? -1 : 1;
  return a.uid < b.uid ? -1 : 1;
}
