import { z } from 'zod';
import type { NodeProof } from '../../model/index.ts';
import { listOf, metadata } from './meta.ts';
import { defineResource, MEMBRANE_GROUP } from './resource.ts';

/**
 * Characters of a message; agents say less. The operator says it again on each Tenant that it is about: of a node that said a
 * megabyte none of their statuses would be taken, and each would be as large as that.
 */
const LONGEST = 500;
const message = z.string().transform((text) => text.slice(0, LONGEST));
const told = listOf(z.object({ tenant: z.string(), message }));
const spec = z.object({
  at: z.string().transform((text) => {
    const at = Date.parse(text);
    return Number.isNaN(at) ? undefined : at;
  }),
  tenants: listOf(z.object({ name: z.string(), generation: z.int() })),
  differing: told,
  open: told,
  limited: told,
  ineffective: z.array(z.object({ tenant: z.string(), rules: z.int() })).optional(),
});
const NOTHING = { at: undefined, tenants: [], differing: [], open: [], limited: [], ineffective: undefined };

/** One that cannot be understood proves nothing. */
export const NODE_PROOF = defineResource<NodeProof>({
  kind: 'NodeProof',
  groupPath: `/apis/${MEMBRANE_GROUP}`,
  plural: 'nodeproofs',
  namespaced: false,
  unreadable: 'forget',
  schema: z
    .object({ metadata, spec: spec.catch(NOTHING) })
    .transform(({ metadata: { uid, name }, spec: { tenants, ineffective, ...said } }) => ({
      uid,
      namespace: '',
      name,
      ...said,
      ineffective,
      tenants: new Map(tenants.map((one) => [one.name, one.generation])),
    })),
});
