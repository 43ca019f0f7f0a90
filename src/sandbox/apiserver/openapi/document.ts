import { createHash } from 'node:crypto';
import type { JsonObject } from '../json.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource.ts';
import type { Catalog } from '../store/catalog.ts';
import { openApiDefinitions } from './definitions.ts';

const INFO = { title: 'Membrane sandbox', version: 'v1.32.0' };
/** Clients look here for what the server checks itself: with `fieldValidation`, kubectl leaves validation to it. */
const PATCH_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation', 'force'];

/** The OpenAPI documents, made when they are first asked for. */
export class OpenApi {
  readonly #catalog: Catalog;
  #v2: JsonObject | undefined;
  readonly #v3 = new Map<string, string>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
    catalog.onChange(() => {
      this.#v2 = undefined;
      this.#v3.clear();
    });
  }

  v2(): JsonObject {
    this.#v2 ??= {
      swagger: '2.0',
      info: INFO,
      paths: patchPaths(this.#catalog.served, (name) => ({
        name,
        in: 'query',
        type: name === 'force' ? 'boolean' : 'string',
      })),
      definitions: openApiDefinitions(this.#catalog.served, { refPrefix: '#/definitions/', wrapRefs: false }),
    };
    return this.#v2;
  }

  /** The index: a document for each group and version, with a hash that lets clients cache it. */
  v3Index(): JsonObject {
    const paths: JsonObject = {};
    for (const groupVersion of this.#catalog.groupVersions()) {
      const path = groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`;
      const hash = createHash('sha256')
        .update(this.v3(groupVersion) ?? '')
        .digest('hex')
        .slice(0, 32)
        .toUpperCase();
      paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
    }
    return { paths };
  }

  /** JSON; `undefined` when there is no such group and version. */
  v3(groupVersion: string): string | undefined {
    const known = this.#v3.get(groupVersion);
    if (known !== undefined) return known;
    const kinds = this.#catalog.served.filter((definition) => apiVersionOf(definition) === groupVersion);
    if (kinds.length === 0) return undefined;
    const text = JSON.stringify({
      openapi: '3.0.0',
      info: INFO,
      paths: patchPaths(kinds, (name) => ({
        name,
        in: 'query',
        schema: { type: name === 'force' ? 'boolean' : 'string', uniqueItems: true },
      })),
      components: { schemas: openApiDefinitions(kinds, { refPrefix: '#/components/schemas/', wrapRefs: true }) },
    });
    this.#v3.set(groupVersion, text);
    return text;
  }
}

function patchPaths(kinds: readonly ResourceDefinition[], parameter: (name: string) => JsonObject): JsonObject {
  const paths: JsonObject = {};
  for (const { group, version, kind, resource, namespaced } of kinds) {
    const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    paths[`${root}/${namespaced ? 'namespaces/{namespace}/' : ''}${resource}/{name}`] = {
      patch: {
        operationId: `patch${kind}`,
        parameters: PATCH_PARAMETERS.map(parameter),
        responses: { '200': { description: 'OK' } },
        'x-kubernetes-action': 'patch',
        'x-kubernetes-group-version-kind': { group, kind, version },
      },
    };
  }
  return paths;
}
