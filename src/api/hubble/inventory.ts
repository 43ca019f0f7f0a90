import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { EndpointView } from '../views/endpoint.ts';
import type { ServiceView } from '../views/service.ts';
import type { Caller } from './caller.ts';
import type {
  GetInventoryRequest,
  GetInventoryResponseSchema,
  NodeInventorySchema,
} from './gen/inventory/inventory_pb.js';
import type { HubbleSource, TenantNamespaces } from './source.ts';
import { visibleNamespaces } from './viewer.ts';

type Message = MessageInitShape<typeof NodeInventorySchema>;

/**
 * What there is on this node, of namespaces whose stored flows the caller may see: of others nothing, not even that they are there.
 * Unimplemented where nothing but flows is told.
 */
export async function inventoryOf(
  source: HubbleSource,
  { withServices }: Pick<GetInventoryRequest, 'withServices'>,
  caller: Caller,
): Promise<MessageInitShape<typeof GetInventoryResponseSchema>> {
  const { inventory, node } = source;
  if (inventory === undefined) throw new ConnectError('only flows are told here', Code.Unimplemented);
  const visible = await visibleNamespaces(source, caller);
  const isSeen = ({ namespace }: { readonly namespace: string }) => visible?.has(namespace) ?? true;
  const isWhole = visible === undefined;
  const { policies, endpoints, services, tenants } = await inventory();
  // As of proofs: a tenant of which somebody may not see a namespace is not his.
  const isOwn = ({ namespaces }: TenantNamespaces) =>
    isWhole || (namespaces.length > 0 && namespaces.every((namespace) => visible.has(namespace)));
  return {
    nodes: [
      {
        name: node,
        isWhole,
        policies: isWhole ? policies : 0,
        pods: endpoints.filter(isSeen).map(podOf),
        services: withServices ? services.filter(isSeen).map((service) => serviceOf(service, isWhole)) : [],
        tenants: withServices ? tenants.filter(isOwn).map((tenant) => tenantOf(tenant, isWhole)) : [],
      },
    ],
  };
}

function podOf({ namespace, pod, addresses, state, enforced }: EndpointView): NonNullable<Message['pods']>[number] {
  return {
    namespace,
    name: pod,
    addresses,
    state,
    ingressEnforced: enforced.ingress,
    egressEnforced: enforced.egress,
  };
}

function tenantOf(
  { name, namespaces, closed = '' }: TenantNamespaces,
  isWhole: boolean,
): NonNullable<Message['tenants']>[number] {
  return { name, namespaces: [...namespaces], closed: isWhole || closed === '' ? closed : 'it is closed' };
}

function serviceOf(
  { namespace, name, type, state, frontends, backends, backendCount, problems }: ServiceView,
  isWhole: boolean,
): NonNullable<Message['services']>[number] {
  return {
    namespace,
    name,
    type,
    state,
    frontends: frontends.map(({ kind, address, port, protocol }) => ({ kind, address, port, protocol })),
    backends: backends.map(({ address }) => address),
    backendCount,
    // Whose an address is that two ask for is said to who may know both.
    problems: problems.map(({ reason, message }) => (isWhole ? message : reason)),
  };
}
