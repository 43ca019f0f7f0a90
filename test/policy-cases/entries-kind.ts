import { z } from 'zod';
import type { PolicyEntry, PolicyObject } from '../../src/model/index.ts';
import type { PolicyKind } from '../../src/policy/index.ts';

const KIND = 'Entries';

/** Policies that say what they mean by entries, so that worlds may have what no kind of today can say. */
export const ENTRIES: PolicyKind = {
  names: {
    kind: KIND,
    group: 'test.example',
    version: 'v1',
    plural: 'entries',
    singular: 'entry',
    shortNames: [],
    namespaced: false,
  },
  schema: z.custom<PolicyObject>(),
  validate: () => [],
  warnings: () => [],
  translate: ({ spec }) => ({ entries: spec as readonly PolicyEntry[], problems: [] }),
};

export function entriesRow(key: string, entries: readonly PolicyEntry[]): PolicyObject {
  return { kind: KIND, uid: key, namespace: '', name: key, spec: entries, unknownFields: [] };
}
