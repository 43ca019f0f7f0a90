import { EVERYTHING } from '../../model/index.ts';
import type { PolicyKind } from './kind.ts';
import { objectSchema } from './object-schema.ts';

/**
 * A kind for tests beside those that there are: nobody reaches any pod of its namespace. `spec: 'unreadable'` says
 * something that is not understood.
 */
export function quarantine(names: Partial<PolicyKind['names']> = {}): PolicyKind {
  const all = {
    kind: 'Quarantine',
    group: 'test.example',
    version: 'v2',
    plural: 'quarantines',
    singular: 'quarantine',
    shortNames: [],
    namespaced: true,
    ...names,
  };
  return {
    names: all,
    schema: objectSchema(all),
    validate: () => [],
    warnings: () => [],
    translate: ({ kind, namespace, name, uid, spec }) => ({
      entries: [
        {
          subject: { kind: 'pods', namespace: { name: namespace }, pods: EVERYTHING },
          direction: 'ingress',
          tier: 'admin',
          order: 0,
          peers: 'any',
          ports: 'any',
          verdict: 'deny',
          isolates: true,
          origin: { kind, namespace, name, uid, direction: 'ingress', rule: 0 },
        },
      ],
      problems: spec === 'unreadable' ? ['spec: Invalid value: "unreadable"'] : [],
    }),
  };
}
