import { z } from 'zod';
import type { NamespacedName } from '../base/index.ts';

/** Part of the configuration of agents and operators: one cluster has one answer. */
export const tenancySchema = z
  .strictObject({
    unassigned: z
      .enum(['Open', 'Closed'])
      .default('Open')
      .describe(
        'What becomes of namespaces that no Tenant claims. Open: they are together, with those of the system; Closed: their pods reach nobody. The same everywhere.',
      ),
    systemNamespaces: z
      .array(z.string().min(1))
      .prefault(['kube-system', 'kube-public', 'kube-node-lease', 'membrane'])
      .describe(
        'Namespaces of the cluster itself, which no Tenant can claim: that of Membrane must be one. The same everywhere.',
      ),
    systemServices: z
      .strictObject({
        dns: z
          .string()
          .regex(/^[^/]+\/[^/]+$/, 'must be namespace/name')
          .default('kube-system/kube-dns')
          .transform((text) => text as NamespacedName)
          .describe('The Service of the DNS of the cluster, which tenants reach that have dns in `systemServices`.'),
      })
      .prefault({}),
  })
  .prefault({});
