import { z } from 'zod';
import type { NetworkPolicyRow } from '../../model/index.ts';
import { repeatedText } from './repeated-text.ts';
import { defineResource } from './resource.ts';

const KNOWN = new Set(['apiVersion', 'kind', 'status']);

/**
 * Of a policy nothing but its name is asked for: one that is refused here would isolate nobody. Metadata say nothing
 * that policy needs.
 */
const schema = z
  .looseObject({
    metadata: z.looseObject({
      uid: z.string().catch(''),
      namespace: z.string().default('').transform(repeatedText),
      name: z.string().min(1),
    }),
    spec: z.unknown().optional(),
  })
  .transform(({ metadata: { uid, namespace, name }, spec, ...rest }): NetworkPolicyRow => {
    const unknownFields = Object.keys(rest).filter((key) => !KNOWN.has(key) && rest[key] !== null);
    return { uid, namespace, name, spec, unknownFields };
  });

export const NETWORK_POLICY = defineResource<NetworkPolicyRow>({
  kind: 'NetworkPolicy',
  groupPath: '/apis/networking.k8s.io/v1',
  plural: 'networkpolicies',
  namespaced: true,
  unreadable: 'forget',
  schema,
});
