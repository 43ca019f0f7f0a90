import { type JsonObject, stringAt } from '../json.ts';
import { apiVersionOf, type ResourceDefinition, type Verb } from '../resource.ts';
import type { Catalog } from '../store/catalog.ts';
import { parseAccept } from './negotiate.ts';

const ALL_VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** A resource that is not stored: it answers, or acts on another one. `name` may hold a subresource (`pods/log`). */
export type VirtualResource = {
  readonly group: string;
  readonly version: string;
  readonly name: string;
  readonly kind: string;
  /** Of the object that is sent or answered, where it is not the group's own. */
  readonly responseGroup?: string;
  readonly responseVersion?: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
};

export const virtualResources: readonly VirtualResource[] = [
  { group: '', version: 'v1', name: 'bindings', kind: 'Binding', namespaced: true, verbs: ['create'] },
  { group: '', version: 'v1', name: 'pods/binding', kind: 'Binding', namespaced: true, verbs: ['create'] },
  {
    group: '',
    version: 'v1',
    name: 'pods/eviction',
    kind: 'Eviction',
    responseGroup: 'policy',
    responseVersion: 'v1',
    namespaced: true,
    verbs: ['create'],
  },
  { group: '', version: 'v1', name: 'pods/log', kind: 'Pod', namespaced: true, verbs: ['get'] },
  { group: '', version: 'v1', name: 'pods/exec', kind: 'PodExecOptions', namespaced: true, verbs: ['create', 'get'] },
  {
    group: '',
    version: 'v1',
    name: 'pods/attach',
    kind: 'PodAttachOptions',
    namespaced: true,
    verbs: ['create', 'get'],
  },
  {
    group: '',
    version: 'v1',
    name: 'pods/portforward',
    kind: 'PodPortForwardOptions',
    namespaced: true,
    verbs: ['create', 'get'],
  },
  { group: '', version: 'v1', name: 'namespaces/finalize', kind: 'Namespace', namespaced: false, verbs: ['update'] },
  {
    group: '',
    version: 'v1',
    name: 'serviceaccounts/token',
    kind: 'TokenRequest',
    responseGroup: 'authentication.k8s.io',
    responseVersion: 'v1',
    namespaced: true,
    verbs: ['create'],
  },
  review('authorization.k8s.io', 'SelfSubjectAccessReview'),
  review('authorization.k8s.io', 'SelfSubjectRulesReview'),
  review('authorization.k8s.io', 'SubjectAccessReview'),
  review('authorization.k8s.io', 'LocalSubjectAccessReview', true),
  review('authentication.k8s.io', 'SelfSubjectReview'),
  review('authentication.k8s.io', 'TokenReview'),
];

function review(group: string, kind: string, namespaced = false): VirtualResource {
  return { group, version: 'v1', name: `${kind.toLowerCase()}s`, kind, namespaced, verbs: ['create'] };
}

/** What this server tells clients about itself: `/api`, `/apis` and below, plain and aggregated. */
export class Discovery {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  #groupVersions(): { group: string; version: string }[] {
    const seen = new Map<string, { group: string; version: string }>();
    for (const { group, version } of [...this.#catalog.served, ...virtualResources]) {
      seen.set(apiVersionOf({ group, version }), { group, version });
    }
    return [...seen.values()];
  }

  #groups(): string[] {
    return [...new Set(this.#groupVersions().map(({ group }) => group))].filter((group) => group !== '');
  }

  #versions(group: string): { groupVersion: string; version: string }[] {
    return this.#groupVersions()
      .filter((gv) => gv.group === group)
      .map((gv) => ({ groupVersion: apiVersionOf(gv), version: gv.version }));
  }

  hasGroupVersion(group: string, version: string): boolean {
    return this.#groupVersions().some((gv) => gv.group === group && gv.version === version);
  }

  coreVersions(address: string): JsonObject {
    return {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
    };
  }

  group(group: string): JsonObject | undefined {
    const versions = this.#versions(group);
    const [preferredVersion] = versions;
    if (group === '' || preferredVersion === undefined) return undefined;
    return { kind: 'APIGroup', apiVersion: 'v1', name: group, versions, preferredVersion };
  }

  groups(): JsonObject {
    const groups = this.#groups().map((group) => {
      const { name = group, versions = [], preferredVersion = {} } = this.group(group) ?? {};
      return { name, versions, preferredVersion };
    });
    return { kind: 'APIGroupList', apiVersion: 'v1', groups };
  }

  resources(group: string, version: string): JsonObject | undefined {
    if (!this.hasGroupVersion(group, version)) return undefined;
    const stored = this.#catalog.served.filter((d) => d.group === group && d.version === version);
    const resources: JsonObject[] = stored.flatMap((definition) => [
      {
        ...storedResource(definition),
        name: definition.resource,
        kind: definition.kind,
        verbs: [...verbsOf(definition)],
      },
      ...ownSubresources(definition).map(({ name, group: ofGroup, version: ofVersion, kind }) => ({
        name: `${definition.resource}/${name}`,
        singularName: '',
        namespaced: definition.namespaced,
        ...(ofGroup === group ? {} : { group: ofGroup, version: ofVersion }),
        kind,
        verbs: [...SUBRESOURCE_VERBS],
      })),
    ]);
    for (const virtual of virtualResources) {
      if (virtual.group !== group || virtual.version !== version) continue;
      resources.push({
        name: virtual.name,
        singularName: virtual.name.includes('/') ? '' : virtual.kind.toLowerCase(),
        namespaced: virtual.namespaced,
        ...(virtual.responseGroup === undefined ? {} : { group: virtual.responseGroup }),
        ...(virtual.responseVersion === undefined ? {} : { version: virtual.responseVersion }),
        kind: virtual.kind,
        verbs: [...virtual.verbs],
      });
    }
    resources.sort((a, b) => ((stringAt(a, 'name') ?? '') < (stringAt(b, 'name') ?? '') ? -1 : 1));
    return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf({ group, version }), resources };
  }

  /** `core`: what `/api` tells; otherwise what `/apis` tells. */
  aggregated(core: boolean): JsonObject {
    const groups = core ? [''] : this.#groups();
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      metadata: {},
      items: groups.map((group) => ({
        metadata: group === '' ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
        versions: this.#versions(group).map(({ version }) => ({
          version,
          freshness: 'Current',
          resources: this.#aggregatedResources(group, version),
        })),
      })),
    };
  }

  #aggregatedResources(group: string, version: string): JsonObject[] {
    const virtual = virtualResources.filter((v) => v.group === group && v.version === version);
    const subresources = (resource: string): JsonObject[] =>
      virtual
        .filter((v) => v.name.startsWith(`${resource}/`))
        .map((v) => ({
          subresource: v.name.slice(resource.length + 1),
          responseKind: { group: v.responseGroup ?? group, version: v.responseVersion ?? version, kind: v.kind },
          verbs: [...v.verbs],
        }));
    const stored = this.#catalog.served
      .filter((d) => d.group === group && d.version === version)
      .map((d) => {
        const kind = { group, version, kind: d.kind };
        const own = ownSubresources(d).map(({ name, ...responseKind }) => ({
          subresource: name,
          responseKind,
          verbs: [...SUBRESOURCE_VERBS],
        }));
        return {
          resource: d.resource,
          responseKind: kind,
          scope: d.namespaced ? 'Namespaced' : 'Cluster',
          singularResource: d.singular,
          verbs: [...verbsOf(d)],
          ...(d.shortNames === undefined ? {} : { shortNames: [...d.shortNames] }),
          ...(d.categories === undefined ? {} : { categories: [...d.categories] }),
          subresources: [...own, ...subresources(d.resource)],
        };
      });
    const others = virtual
      .filter((v) => !v.name.includes('/'))
      .map((v) => ({
        resource: v.name,
        responseKind: { group, version, kind: v.kind },
        scope: v.namespaced ? 'Namespaced' : 'Cluster',
        singularResource: v.kind.toLowerCase(),
        verbs: [...v.verbs],
      }));
    return [...stored, ...others];
  }
}

export const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export function wantsAggregated(accept: string | undefined): boolean {
  const [first] = parseAccept(accept);
  const parameters = first?.parameters;
  return (
    first?.type === 'application/json' &&
    parameters?.get('g') === 'apidiscovery.k8s.io' &&
    parameters.get('v') === 'v2' &&
    parameters.get('as') === 'APIGroupDiscoveryList'
  );
}

export function verbsOf(definition: ResourceDefinition): readonly Verb[] {
  return definition.verbs ?? ALL_VERBS;
}

const SUBRESOURCE_VERBS = ['get', 'patch', 'update'];

/** The parts of an object that are written apart from it, with the kind that each is read as. */
function ownSubresources(
  definition: ResourceDefinition,
): { readonly name: string; readonly group: string; readonly version: string; readonly kind: string }[] {
  const { group, version, kind, status, parts = {}, scaleSelector } = definition;
  return [
    ...Object.keys(parts).map((name) => ({ name, group, version, kind })),
    ...(status === true ? [{ name: 'status', group, version, kind }] : []),
    ...(scaleSelector === undefined ? [] : [{ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale' }]),
  ];
}

function storedResource(definition: ResourceDefinition): JsonObject {
  return {
    singularName: definition.singular,
    namespaced: definition.namespaced,
    ...(definition.shortNames === undefined ? {} : { shortNames: [...definition.shortNames] }),
    ...(definition.categories === undefined ? {} : { categories: [...definition.categories] }),
  };
}
