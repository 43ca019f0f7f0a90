import { z } from 'zod';
import {
  IDENTITY_CLUSTER_MAX,
  IDENTITY_CLUSTER_MIN,
  identityId,
  type NodeEndpoint,
  type NodeEndpointSlice,
  nodeEndpointSliceName,
} from '../../model/index.ts';
import { type Addr, isAddr, parseAddr } from '../../net/index.ts';
import { exact, listOf, metadata } from './meta.ts';
import { repeatedText } from './repeated-text.ts';
import { defineResource, MEMBRANE_GROUP } from './resource.ts';

const address = z
  .string()
  .refine(isAddr, 'is no address')
  .transform((text): Addr => parseAddr(text));

const endpoint = z
  .object({
    namespace: z.string().min(1).transform(repeatedText),
    name: z.string().min(1),
    identity: z.int().min(IDENTITY_CLUSTER_MIN).max(IDENTITY_CLUSTER_MAX).optional(),
    addresses: listOf(address),
    hostNetwork: z.boolean().default(false),
  })
  .transform(({ namespace, name, identity, addresses, hostNetwork }, context): NodeEndpoint => {
    const own = identity === undefined ? undefined : { identity: identityId(identity), addresses: exact(addresses) };
    // Whoever says both, or neither, has nothing that could be believed.
    if (hostNetwork === (own !== undefined)) {
      context.addIssue({ code: 'custom', message: 'must have an identity, or hostNetwork' });
    }
    return { namespace, name, own };
  });

const schema = z
  .object({
    metadata: metadata.extend({
      resourceVersion: z.string().default(''),
      ownerReferences: listOf(z.object({ kind: z.string(), name: z.string(), uid: z.string() })),
    }),
    spec: z.object({
      node: z.string().min(1).transform(repeatedText),
      slice: z.int().min(0),
      endpoints: listOf(endpoint),
    }),
  })
  .refine(({ metadata: { name }, spec: { node, slice } }) => name === nodeEndpointSliceName(node, slice), {
    path: ['metadata', 'name'],
    message: 'must be that of the node, a dot, and the number of the slice',
  })
  .transform(({ metadata: meta, spec: { node, slice, endpoints } }): NodeEndpointSlice => {
    const owner = meta.ownerReferences.find(({ kind, name }) => kind === 'Node' && name === node);
    const { uid, name, resourceVersion } = meta;
    const nodeUid = repeatedText(owner?.uid ?? '');
    return { uid, namespace: '', name, node, slice, nodeUid, resourceVersion, endpoints: exact(endpoints) };
  });

/** Who is where on other nodes, and what this node tells of itself. */
export const NODE_ENDPOINT_SLICE = defineResource<NodeEndpointSlice>({
  kind: 'NodeEndpointSlice',
  groupPath: `/apis/${MEMBRANE_GROUP}`,
  plural: 'nodeendpointslices',
  namespaced: false,
  unreadable: 'forget',
  schema,
});

type Told = Pick<NodeEndpointSlice, 'node' | 'slice' | 'nodeUid' | 'endpoints'>;

/** The object as it is written; `resourceVersion`: of the version that it replaces. */
export function nodeEndpointSliceObject({ node, slice, nodeUid, endpoints }: Told, resourceVersion?: string): object {
  return {
    apiVersion: MEMBRANE_GROUP,
    kind: NODE_ENDPOINT_SLICE.kind,
    metadata: {
      name: nodeEndpointSliceName(node, slice),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node, uid: nodeUid }],
    },
    spec: {
      node,
      slice,
      endpoints: endpoints.map(({ namespace, name, own }) =>
        own === undefined ? { namespace, name, hostNetwork: true } : { namespace, name, ...own },
      ),
    },
  };
}
