import { z } from 'zod';
import type { IdentityReceipt } from '../../model/index.ts';
import { metadata } from './meta.ts';
import { defineResource, MEMBRANE_GROUP } from './resource.ts';

/** Whoever cannot be understood has heard of nothing. */
const heard = z.coerce.number().int().min(0).catch(0);

export const IDENTITY_RECEIPT = defineResource<IdentityReceipt>({
  kind: 'IdentityReceipt',
  groupPath: `/apis/${MEMBRANE_GROUP}`,
  plural: 'identityreceipts',
  namespaced: false,
  unreadable: 'keep',
  schema: z
    .object({ metadata, spec: z.object({ heard }).catch({ heard: 0 }) })
    .transform(({ metadata: { uid, name }, spec }) => ({ uid, namespace: '', name, heard: spec.heard })),
});

export function identityReceiptObject(node: string, heard: number): object {
  return {
    apiVersion: MEMBRANE_GROUP,
    kind: IDENTITY_RECEIPT.kind,
    metadata: { name: node },
    spec: { heard: String(heard) },
  };
}
