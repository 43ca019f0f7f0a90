import { apiServerErrors } from '../errors.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource.ts';

/** All definitions, by plural name and by API path. Custom kinds come and go. */
export class Catalog {
  #all: readonly ResourceDefinition[] = [];
  #served: readonly ResourceDefinition[] = [];
  readonly #byName = new Map<string, ResourceDefinition>();
  readonly #byPath = new Map<string, ResourceDefinition>();
  readonly #listeners = new Set<(added: ResourceDefinition | undefined) => void>();

  constructor(definitions: readonly ResourceDefinition[]) {
    const stored = new Map<string, ResourceDefinition[]>();
    for (const definition of definitions) {
      stored.set(definition.resource, [...(stored.get(definition.resource) ?? []), definition]);
    }
    for (const [first, ...others] of stored.values()) if (first !== undefined) this.add(first, [first, ...others]);
  }

  /** One of each kind, in the version that is stored. */
  get all(): readonly ResourceDefinition[] {
    return this.#all;
  }

  /** Every version that clients may ask for, of each kind the preferred one first. */
  get served(): readonly ResourceDefinition[] {
    return this.#served;
  }

  /** `served`: the versions that clients see, if others than the stored one. */
  add(definition: ResourceDefinition, served: readonly ResourceDefinition[] = [definition]): void {
    this.#all = [...this.#all, definition];
    this.#served = [...this.#served, ...served];
    this.#byName.set(definition.resource, definition);
    for (const version of served) this.#byPath.set(`${apiVersionOf(version)}/${version.resource}`, version);
    for (const listener of this.#listeners) listener(definition);
  }

  /** In place of the one of its plural name, if there is one. */
  replace(definition: ResourceDefinition, served: readonly ResourceDefinition[]): void {
    this.remove(definition.resource);
    this.add(definition, served);
  }

  remove(resource: string): void {
    if (!this.#byName.delete(resource)) return;
    const isOther = (definition: ResourceDefinition): boolean => definition.resource !== resource;
    for (const gone of this.#served.filter((definition) => !isOther(definition))) {
      this.#byPath.delete(`${apiVersionOf(gone)}/${resource}`);
    }
    this.#all = this.#all.filter(isOther);
    this.#served = this.#served.filter(isOther);
    for (const listener of this.#listeners) listener(undefined);
  }

  /** Called with each definition that is added, and with nothing when one is gone. */
  onChange(listener: (added: ResourceDefinition | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Why a new kind cannot have its names: a plural is one kind's in the whole server. */
  conflictOf({ resource, group, kind }: ResourceDefinition): string | undefined {
    const known = this.#byName.get(resource);
    if (known?.isStandIn === true && known.group === group && known.kind === kind) return undefined;
    if (known !== undefined) return `${JSON.stringify(resource)} is already in use`;
    const isTaken = this.#all.some((definition) => definition.group === group && definition.kind === kind);
    return isTaken ? `${JSON.stringify(kind)} is already in use` : undefined;
  }

  /** For in-process callers, who name resources by their plural. */
  named(resource: string): ResourceDefinition {
    const found = this.#byName.get(resource);
    if (found === undefined) throw apiServerErrors.make('E_API_RESOURCE', { detail: resource });
    return found;
  }

  /** In the version of a path. */
  find(group: string, version: string, resource: string): ResourceDefinition | undefined {
    return this.#byPath.get(`${apiVersionOf({ group, version })}/${resource}`);
  }

  /** `group/version`s in order, the core first. */
  groupVersions(): string[] {
    return [...new Set(this.served.map(apiVersionOf))].toSorted(
      (a, b) => Number(a.includes('/')) - Number(b.includes('/')),
    );
  }

  get namespaced(): readonly ResourceDefinition[] {
    return this.all.filter((definition) => definition.namespaced);
  }
}
