import type { EndpointWord } from '../endpoint/index.ts';
import type { EndpointId, IdentityId, PolicyRevision } from '../model/index.ts';

/** Of one endpoint. */
type Part = {
  /** Of its pod, if the API knows that it is here and it has one. */
  readonly identity: IdentityId | undefined;
  /** In the kernel. */
  readonly word: EndpointWord | undefined;
};

const NOBODY: ReadonlySet<EndpointId> = new Set();

/**
 * Which identities the endpoints of this node have, and which identities and revisions their words state: counted, so that
 * to know it costs what changed and not what there is.
 */
export class LocalIdentities {
  readonly #parts = new Map<EndpointId, Part>();
  readonly #endpoints = new Map<IdentityId, Set<EndpointId>>();
  readonly #stated = new Map<IdentityId, number>();
  readonly #revisions = new Map<PolicyRevision, number>();
  #lost = new Set<IdentityId>();

  /** Endpoints of that identity. */
  endpointsOf(id: IdentityId): ReadonlySet<EndpointId> {
    return this.#endpoints.get(id) ?? NOBODY;
  }

  /** Some endpoint has the identity. */
  has(id: IdentityId): boolean {
    return this.#endpoints.has(id);
  }

  /** Revisions that words state. */
  get revisions(): Pick<ReadonlySet<PolicyRevision>, 'has'> {
    return this.#revisions;
  }

  /** Undefined: the endpoint is gone. Returns the identity if this is the first endpoint that has it. */
  set(endpoint: EndpointId, part: Part | undefined): IdentityId | undefined {
    const before = this.#parts.get(endpoint);
    if (part === undefined) this.#parts.delete(endpoint);
    else this.#parts.set(endpoint, part);
    this.#state(part?.word, 1);
    this.#state(before?.word, -1);
    if (before?.identity === part?.identity) return undefined;
    if (before?.identity !== undefined) this.#leave(before.identity, endpoint);
    return part?.identity === undefined ? undefined : this.#join(part.identity, endpoint);
  }

  /** Identities that lost their last endpoint or word since the last call, and that no endpoint has and no word states. */
  takeUnused(): IdentityId[] {
    const lost = this.#lost;
    this.#lost = new Set();
    return Array.from(lost).filter((id) => !this.#endpoints.has(id) && !this.#stated.has(id));
  }

  #join(id: IdentityId, endpoint: EndpointId): IdentityId | undefined {
    const known = this.#endpoints.get(id);
    if (known === undefined) this.#endpoints.set(id, new Set([endpoint]));
    else known.add(endpoint);
    return known === undefined ? id : undefined;
  }

  #leave(id: IdentityId, endpoint: EndpointId): void {
    const known = this.#endpoints.get(id);
    known?.delete(endpoint);
    if (known?.size !== 0) return;
    this.#endpoints.delete(id);
    this.#lost.add(id);
  }

  #state(word: EndpointWord | undefined, change: 1 | -1): void {
    if (word === undefined) return;
    count(this.#revisions, word.revision, change);
    if (count(this.#stated, word.identity, change) === 0) this.#lost.add(word.identity);
  }
}

function count<K>(counts: Map<K, number>, key: K, change: 1 | -1): number {
  const now = (counts.get(key) ?? 0) + change;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
  return now;
}
