import { z } from 'zod';
import type { NodeRow } from '../../model/index.ts';
import { listOf, metadata } from './meta.ts';
import { defineResource } from './resource.ts';

const schema = z
  .object({
    metadata,
    spec: z.object({ podCIDR: z.string().optional(), podCIDRs: listOf(z.string()) }).prefault({}),
    status: z.object({ addresses: listOf(z.object({ type: z.string(), address: z.string() })) }).prefault({}),
  })
  .transform(({ metadata: meta, spec, status }): NodeRow => {
    const ofType = (type: string) => status.addresses.filter((a) => a.type === type).map((a) => a.address);
    return {
      uid: meta.uid,
      namespace: '',
      name: meta.name,
      labels: meta.labels,
      addresses: [...new Set([...ofType('InternalIP'), ...ofType('ExternalIP')])],
      podCIDRs: spec.podCIDRs.length > 0 ? spec.podCIDRs : spec.podCIDR ? [spec.podCIDR] : [],
    };
  });

export const NODE = defineResource<NodeRow>({
  kind: 'Node',
  groupPath: '/api/v1',
  plural: 'nodes',
  namespaced: false,
  // Its addresses and its range would be the world's.
  unreadable: 'keep',
  schema,
});
