import { type Json, listAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { isEmptySelector, selectorHolds } from '../selector/object-selector.ts';
import { type AdmissionRequest, subjectOf } from './request.ts';

/** Whether `MatchResources` means a request; absent: it means every one. `namespace`: the one that it is in. */
export function isMatched(
  match: Json | undefined,
  request: AdmissionRequest,
  namespace: KubeObject | undefined,
): boolean {
  if (match === undefined || match === null) return true;
  const { definition, object, old } = request;
  const isExact = stringAt(match, 'matchPolicy') === 'Exact';
  const rules = listAt(match, 'resourceRules');
  if (rules.length > 0 && !rules.some((rule) => isRuled(rule, request, isExact))) return false;
  if (listAt(match, 'excludeResourceRules').some((rule) => isRuled(rule, request, isExact))) return false;
  const objects = objectAt(match, 'objectSelector');
  if (![object, old].some((one) => one !== undefined && isSelected(objects, one))) return false;
  const namespaces = objectAt(match, 'namespaceSelector');
  // A cluster-wide object is of no namespace, and one that is a namespace of itself.
  const own = definition.resource === 'namespaces' ? subjectOf(request) : namespace;
  return own === undefined || isSelected(namespaces, own);
}

/** Here, none and an empty one select everything. */
function isSelected(selector: Json | undefined, { metadata }: KubeObject): boolean {
  return isEmptySelector(selector) || selectorHolds(selector, metadata.labels);
}

function isRuled(rule: Json, request: AdmissionRequest, isExact: boolean): boolean {
  const { operation, definition, subresource } = request;
  const holds = (key: string, value: string): boolean => {
    const list = listAt(rule, key);
    return list.includes('*') || list.includes(value);
  };
  const names = listAt(rule, 'resourceNames');
  const scope = stringAt(rule, 'scope') ?? '*';
  return (
    holds('operations', operation) &&
    holds('apiGroups', definition.group) &&
    // Other versions of a group are the same objects.
    (!isExact || holds('apiVersions', definition.version)) &&
    listAt(rule, 'resources').some(
      (named) => typeof named === 'string' && isNamed(named, definition.resource, subresource),
    ) &&
    (names.length === 0 || names.includes(subjectOf(request)?.metadata.name ?? '')) &&
    (scope === '*' || (scope === 'Namespaced') === definition.namespaced)
  );
}

/** `pods`, `pods/status`, `pods/*`, `*`, `*\/scale`, `*\/*`. */
function isNamed(named: string, resource: string, subresource: string): boolean {
  const [name = '', part] = named.split('/');
  if (name !== '*' && name !== resource) return false;
  if (part === undefined) return subresource === '';
  return part === '*' || part === subresource;
}
