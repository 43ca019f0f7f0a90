import type { KubeObject } from '../object.ts';
import { badRequest } from '../status.ts';

export type FieldRequirement = { readonly field: string; readonly equal: boolean; readonly value: string };
export type FieldSelector = readonly FieldRequirement[];

/** The fields that objects of a resource can be selected by; each gives its value as text, '' when it is absent. */
export type SelectableFields = Readonly<Record<string, (object: KubeObject) => string>>;

export const metadataFields: SelectableFields = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
};

/** `a=b,c!=d`, with backslash before `\`, `,` and `=` in values. */
export function parseFieldSelector(
  text: string,
  fields: SelectableFields,
  version: string,
  kind: string,
): FieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const term of text.match(/(?:\\.|[^,\\])+/g) ?? []) {
    const split = /^((?:\\.|[^=!\\])+?)(==|!=|=)(.*)$/s.exec(term);
    if (split === null)
      throw badRequest(`invalid selector: '${term.slice(0, 200)}'; can't understand '${term.slice(0, 200)}'`);
    const [, field = '', operator = '', value = ''] = split;
    if (!Object.hasOwn(fields, field)) {
      throw badRequest(
        `Unable to find ${JSON.stringify(`/${version}, Resource=${kind}`)} that match label selector "", field selector ${JSON.stringify(text.slice(0, 200))}: field label not supported: ${field.slice(0, 200)}`,
      );
    }
    requirements.push({ field, equal: operator !== '!=', value: value.replace(/\\([\\,=])/g, '$1') });
  }
  return requirements;
}

export function matchesFields(selector: FieldSelector, fields: SelectableFields, object: KubeObject): boolean {
  return selector.every(({ field, equal, value }) => (fields[field]?.(object) === value) === equal);
}
