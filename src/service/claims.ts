import { type NamespacedName, namespacedName } from '../base/index.ts';
import {
  type Frontend,
  type FrontendKind,
  frontendKey,
  type ServiceProblem,
  type ServiceSpec,
} from '../model/index.ts';
import { parseAddr } from '../net/index.ts';
import { podOfOwner } from './host-ports.ts';

/** The address of a node port. */
const EVERY_ADDRESS = parseAddr('::');

type Claim = { readonly frontend: Frontend; readonly createdAt: string; readonly uid: string };

/** The server gives cluster addresses and node ports out itself; anybody may write the others. */
const STANDING: Readonly<Record<FrontendKind, number>> = {
  ClusterIP: 0,
  NodePort: 1,
  LoadBalancer: 2,
  ExternalIP: 3,
  HostPort: 4,
};

/**
 * Who has a place when several services want it: what the API server gave out before what an object merely says, then the
 * older service, then the smaller uid, so that every node decides alike. Asking and changing cost by the service.
 */
export class FrontendClaims {
  /** By place; the first has it. */
  readonly #claims = new Map<string, readonly Claim[]>();
  readonly #places = new Map<NamespacedName, readonly string[]>();
  /** By owner of host ports: the node ports that they would stand before. */
  readonly #covered = new Map<NamespacedName, readonly string[]>();

  /** Replaces all claims of a service; none: it is gone. Every place that it has or had is given back. */
  replace(
    service: Pick<ServiceSpec, 'namespace' | 'name' | 'createdAt' | 'uid'>,
    frontends: readonly Frontend[],
  ): Set<string> {
    const owner = frontends[0]?.service ?? namespacedName(service);
    const touched = new Set([...(this.#places.get(owner) ?? []), ...(this.#covered.get(owner) ?? [])]);
    for (const place of touched) {
      const others = this.#claims.get(place)?.filter(({ frontend }) => frontend.service !== owner) ?? [];
      if (others.length === 0) this.#claims.delete(place);
      else this.#claims.set(place, others);
    }
    const places = frontends.map(frontendKey);
    const claim = (frontend: Frontend, place: string): void => {
      const made = { frontend, createdAt: service.createdAt, uid: service.uid };
      const others = this.#claims.get(place);
      this.#claims.set(place, others === undefined ? [made] : [...others, made].sort(compare));
      touched.add(place);
    };
    for (const [index, frontend] of frontends.entries()) claim(frontend, places[index] ?? frontendKey(frontend));
    const hostPorts = frontends.filter(({ kind }) => kind === 'HostPort');
    const covered = hostPorts.map((frontend) => nodePortPlace(frontend));
    for (const [index, frontend] of hostPorts.entries()) claim(frontend, covered[index] ?? '');
    if (covered.length === 0) this.#covered.delete(owner);
    else this.#covered.set(owner, covered);
    if (places.length === 0) this.#places.delete(owner);
    else this.#places.set(owner, places);
    return touched;
  }

  winner(place: string): Frontend | undefined {
    return this.#claims.get(place)?.[0]?.frontend;
  }

  /** Has its service the place? A host port has not where a node port answers at every address. */
  has(frontend: Frontend, place = frontendKey(frontend)): boolean {
    return this.#holder(frontend, place)?.service === frontend.service;
  }

  #holder(frontend: Frontend, place: string): Frontend | undefined {
    const nodePort = frontend.kind === 'HostPort' ? this.winner(nodePortPlace(frontend)) : undefined;
    return nodePort?.kind === 'NodePort' ? nodePort : this.winner(place);
  }

  /** Owners of all claims on a place. */
  claimants(place: string): NamespacedName[] {
    return this.#claims.get(place)?.map(({ frontend }) => frontend.service) ?? [];
  }

  /** In the order of the frontends that it was given. */
  placesOf(service: NamespacedName): readonly string[] {
    return this.#places.get(service) ?? [];
  }

  /** Places that a service wants and another has. */
  problems(service: NamespacedName): ServiceProblem[] {
    return (this.#places.get(service) ?? []).flatMap((place) => {
      const own = this.#claims.get(place)?.find(({ frontend }) => frontend.service === service)?.frontend;
      const owner = own === undefined ? undefined : this.#holder(own, place)?.service;
      if (owner === undefined || owner === service) return [];
      const pod = podOfOwner(owner);
      const whose = pod === undefined ? `service ${owner}` : `pod ${pod}`;
      const reason = podOfOwner(service) === undefined ? 'FrontendTaken' : 'HostPortTaken';
      return [{ reason, message: `${place} belongs to ${whose}` }];
    });
  }
}

function nodePortPlace({ port, protocol }: Frontend): string {
  return frontendKey({ addr: EVERY_ADDRESS, port, protocol });
}

function compare(a: Claim, b: Claim): number {
  const standing = STANDING[a.frontend.kind] - STANDING[b.frontend.kind];
  if (standing !== 0) return standing;
  // RFC 3339 in UTC with one precision, as the API server writes it, sorts as text; without one is youngest.
  const [ageA, ageB] = [a.createdAt || '~', b.createdAt || '~'];
  if (ageA !== ageB) return ageA < ageB ? -1 : 1;
  return a.uid < b.uid ? -1 : 1;
}
