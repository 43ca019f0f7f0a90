import { isObject, type JsonObject } from '../base/index.ts';
import { type Refuse, yamlDocuments } from '../base/yaml.ts';

/**
 * The objects that a YAML or JSON text holds, lists opened. Only a list is one: any other object may have `items`, too. In the
 * list of one kind objects need not say theirs, and answers of the API leave it out. Throws what `refuse` makes.
 */
export function manifestObjects(text: string, refuse: Refuse): JsonObject[] {
  const open = (value: unknown): JsonObject[] => {
    if (!isObject(value)) throw refuse('a document is not an object');
    const { kind, apiVersion, items } = value;
    if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return [value];
    const own = kind.slice(0, -'List'.length);
    return items.flatMap((item) => open(own === '' || !isObject(item) ? item : { apiVersion, kind: own, ...item }));
  };
  return yamlDocuments(text, refuse).flatMap(open);
}
