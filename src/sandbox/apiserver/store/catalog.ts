import { apiServerErrors } from '../errors.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource.ts';

/** All definitions, by plural name and by API path. Custom kinds come and go. */
export class Catalog {
  #all: readonly ResourceDefinition[] = [];
  readonly #byName = new Map<string, ResourceDefinition>();
  readonly #byPath = new Map<string, ResourceDefinition>();
  readonly #listeners = new Set<(added: ResourceDefinition | undefined) => void>();

  constructor(definitions: readonly ResourceDefinition[]) {
    for (const definition of definitions) this.add(definition);
  }

  get all(): readonly ResourceDefinition[] {
    return this.#all;
  }

  add(definition: ResourceDefinition): void {
    this.#all = [...this.#all, definition];
    this.#byName.set(definition.resource, definition);
    this.#byPath.set(`${apiVersionOf(definition)}/${definition.resource}`, definition);
    for (const listener of this.#listeners) listener(definition);
  }

  /** In place of the one of its plural name. */
  replace(definition: ResourceDefinition): void {
    this.remove(definition.resource);
    this.add(definition);
  }

  remove(resource: string): void {
    const known = this.#byName.get(resource);
    if (known === undefined) return;
    this.#all = this.#all.filter((definition) => definition !== known);
    this.#byName.delete(resource);
    this.#byPath.delete(`${apiVersionOf(known)}/${resource}`);
    for (const listener of this.#listeners) listener(undefined);
  }

  /** Called with each definition that is added, and with nothing when one is gone. */
  onChange(listener: (added: ResourceDefinition | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Why a new kind cannot have its names: a plural is one kind's in the whole server. */
  conflictOf({ resource, group, kind }: ResourceDefinition): string | undefined {
    if (this.#byName.has(resource)) return `${JSON.stringify(resource)} is already in use`;
    const isTaken = this.#all.some((definition) => definition.group === group && definition.kind === kind);
    return isTaken ? `${JSON.stringify(kind)} is already in use` : undefined;
  }

  /** For in-process callers, who name resources by their plural. */
  named(resource: string): ResourceDefinition {
    const found = this.#byName.get(resource);
    if (found === undefined) throw apiServerErrors.make('E_API_RESOURCE', { detail: resource });
    return found;
  }

  find(group: string, version: string, resource: string): ResourceDefinition | undefined {
    return this.#byPath.get(`${apiVersionOf({ group, version })}/${resource}`);
  }

  /** `group/version`s in order, the core first. */
  groupVersions(): string[] {
    return [...new Set(this.all.map(apiVersionOf))].toSorted(
      (a, b) => Number(a.includes('/')) - Number(b.includes('/')),
    );
  }

  get namespaced(): readonly ResourceDefinition[] {
    return this.all.filter((definition) => definition.namespaced);
  }
}
