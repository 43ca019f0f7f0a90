import { type ApiStore, equal, type JsonObject, type KubeObject } from '../../apiserver/index.ts';

/**
 * Writes a whole status, unless the object has it already; members that are 0 or empty and not of `always` are left out,
 * as the server's own `omitempty` does. Gives the object as it is stored now.
 */
export function writeStatus(
  store: ApiStore,
  resource: string,
  object: KubeObject,
  status: JsonObject,
  always: readonly string[] = [],
): KubeObject {
  const next: JsonObject = {};
  for (const [key, value] of Object.entries(status)) {
    const isEmpty = value === undefined || value === 0 || (Array.isArray(value) && value.length === 0);
    if (!isEmpty || always.includes(key)) next[key] = value;
  }
  if (equal(object['status'] ?? {}, next)) return object;
  const { namespace, name } = object.metadata;
  const changed = { ...structuredClone(object), status: next };
  return store.update(resource, changed, { key: { namespace, name }, subresource: 'status' });
}
