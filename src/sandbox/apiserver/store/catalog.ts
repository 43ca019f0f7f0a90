import { apiServerErrors } from '../errors.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource.ts';

/** All definitions, by plural name and by API path. */
export class Catalog {
  readonly all: readonly ResourceDefinition[];
  readonly #byName = new Map<string, ResourceDefinition>();
  readonly #byPath = new Map<string, ResourceDefinition>();

  constructor(definitions: readonly ResourceDefinition[]) {
    this.all = definitions;
    for (const definition of definitions) {
      this.#byName.set(definition.resource, definition);
      this.#byPath.set(`${apiVersionOf(definition)}/${definition.resource}`, definition);
    }
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
