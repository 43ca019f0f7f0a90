import { z } from 'zod';

/** YAML and JSON writers leave null where they mean "not given". */
const absent = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

const labels = z.record(z.string(), z.string());

export const labelSelectorSchema = z.strictObject({
  matchLabels: absent(labels),
  matchExpressions: absent(
    z.array(z.strictObject({ key: z.string(), operator: z.string(), values: absent(z.array(z.string())) })),
  ),
});

const portSchema = z.strictObject({
  protocol: absent(z.string()),
  port: absent(z.union([z.int(), z.string()])),
  endPort: absent(z.int()),
});

const peerSchema = z.strictObject({
  podSelector: absent(labelSelectorSchema),
  namespaceSelector: absent(labelSelectorSchema),
  ipBlock: absent(z.strictObject({ cidr: absent(z.string()), except: absent(z.array(z.string())) })),
});

/** The shape only; `validateNetworkPolicy` checks what the values say. Unknown fields are errors, not ignored. */
export const networkPolicySchema = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: z.looseObject({ name: z.string(), namespace: absent(z.string()), uid: absent(z.string()) }),
  spec: absent(
    z.strictObject({
      podSelector: absent(labelSelectorSchema),
      policyTypes: absent(z.array(z.string())),
      ingress: absent(
        z.array(z.strictObject({ from: absent(z.array(peerSchema)), ports: absent(z.array(portSchema)) })),
      ),
      egress: absent(z.array(z.strictObject({ to: absent(z.array(peerSchema)), ports: absent(z.array(portSchema)) }))),
    }),
  ),
  status: z.unknown().optional(),
});

/** networking.k8s.io/v1 NetworkPolicy as far as it matters here; null fields are absent. */
export type NetworkPolicy = z.infer<typeof networkPolicySchema>;
export type NetworkPolicyPeer = z.infer<typeof peerSchema>;
export type NetworkPolicyPort = z.infer<typeof portSchema>;
export type SelectorObject = z.infer<typeof labelSelectorSchema>;
