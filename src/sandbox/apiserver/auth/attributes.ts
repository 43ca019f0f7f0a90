import type { RequestInfo } from '../http/request-info.ts';
import { noSuchResource } from '../status.ts';

/** What a request would do, as rules of access name it. */
export type Attributes =
  | {
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      /** `''`: none. */
      readonly subresource: string;
      /** `''`: all, or the kind has none. */
      readonly namespace: string;
      /** `''`: not one. */
      readonly name: string;
      readonly path?: undefined;
    }
  | { readonly verb: string; readonly path: string };

const WRITES: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch' };

function verbOf(method: string, info: RequestInfo, query: URLSearchParams): string {
  const written = WRITES[method];
  if (written !== undefined) return written;
  if (method === 'DELETE') return info.name === undefined ? 'deletecollection' : 'delete';
  if (method !== 'GET' && method !== 'HEAD') throw noSuchResource();
  if (info.name !== undefined) return 'get';
  return query.get('watch') === 'true' || query.get('watch') === '1' ? 'watch' : 'list';
}

/** `kubectl get pod x --watch` watches a selection of one: rules that name it hold. */
function selectedName(query: URLSearchParams): string {
  return /^metadata\.name=([^,!=]+)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
}

export function attributesOf(
  method: string,
  path: string,
  query: URLSearchParams,
  info: RequestInfo | undefined,
): Attributes {
  if (info === undefined) return { verb: method.toLowerCase(), path };
  const { group, version, resource, name, subresource = '' } = info;
  const verb = verbOf(method, info, query);
  const isNamespace = group === '' && resource === 'namespaces';
  return {
    verb,
    group,
    version,
    resource,
    subresource,
    namespace: info.namespace ?? (isNamespace ? (name ?? '') : ''),
    name: name ?? (verb === 'list' || verb === 'watch' ? selectedName(query) : ''),
  };
}
