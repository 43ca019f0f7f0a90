import type { PolicyObject } from '../../model/index.ts';
import type { PolicyKind } from '../../policy/index.ts';
import { repeatedText } from './repeated-text.ts';
import type { Resource } from './resource.ts';

/** Where policies of a kind are and what is kept of them, as the kind itself says. */
export function policyResource({ names, schema }: PolicyKind): Resource<PolicyObject> {
  const { kind, group, version, plural, namespaced } = names;
  return {
    kind,
    groupPath: `/apis/${group}/${version}`,
    plural,
    namespaced,
    unreadable: 'forget',
    parse: (object) => {
      const policy = schema.parse(object);
      return { ...policy, namespace: repeatedText(policy.namespace) };
    },
  };
}
