import { type NamespacedName, nameParts, namespacedName, parseNamespacedName } from '../../base/index.ts';
import type { AddressBook, Intent, PodIdentities, PodsElsewhere } from '../../cluster/index.ts';
import { RESERVED_IDS, reservedIdentity } from '../../identity/index.ts';
import {
  type Frontend,
  type Identity,
  type IdentityId,
  identityId,
  labelMap,
  type ServiceSpec,
  type Workload,
} from '../../model/index.ts';
import { type Addr, isAddr, parseAddr } from '../../net/index.ts';
import type { EndpointTable, Floor, PolicyFollower, PolicyInstaller, Shares } from '../../plane/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';
import { agentErrors } from '../errors.ts';

export type TraceContext = {
  readonly nodeName: string;
  /** Packets are carried to pods of other nodes. */
  readonly overlay: boolean;
  /** They go by the node's routes. */
  readonly native: boolean;
  readonly intent: Intent;
  readonly identities: PodIdentities;
  readonly elsewhere: Pick<PodsElsewhere, 'get'>;
  readonly repository: PolicyRepository;
  readonly book: AddressBook;
  readonly endpoints: EndpointTable;
  readonly installer: PolicyInstaller;
  readonly policies: Pick<PolicyFollower, 'staged'>;
  readonly floor: Pick<Floor, 'membership'>;
  readonly shares: Pick<Shares, 'has'>;
  readonly nodeAddresses: () => readonly Addr[];
  /** Who serves a place (`frontendKey`). */
  readonly serviceAt: (place: string) => Frontend | undefined;
};

export type End = {
  readonly name: string;
  readonly identity: Identity;
  readonly addr: Addr | undefined;
  /** Of a pod that is known by name: with labels that no policy selects by yet. */
  readonly workload?: Workload | undefined;
};

const SERVICE = 'service:';

/** The service that is meant by `service:namespace/name`; undefined: something else is meant. E_AGENT_NOT_FOUND. */
export function resolveService(text: string, { intent }: TraceContext): ServiceSpec | undefined {
  if (!text.startsWith(SERVICE)) return undefined;
  const name = parseNamespacedName(text.slice(SERVICE.length));
  const service = name && intent.services.get(name);
  if (service === undefined) throw agentErrors.make('E_AGENT_NOT_FOUND', { detail: `${shown(text)} is no service` });
  return service;
}

/** `namespace/pod`, an address, a node's name, `identity:ID` or a reserved name. E_AGENT_NOT_FOUND. */
export function resolveEnd(text: string, context: TraceContext): End {
  const { intent, repository } = context;
  if (isAddr(text)) return resolveAddr(parseAddr(text), context);
  if (text.startsWith('identity:')) {
    const number = Number(text.slice('identity:'.length));
    const identity = Number.isInteger(number) && number > 0 ? known(repository, identityId(number)) : undefined;
    if (identity !== undefined) return { name: text, identity, addr: undefined };
  } else if (text.includes('/')) {
    const pod = parseNamespacedName(text);
    const end = pod === undefined ? undefined : resolvePod(pod, context);
    if (end !== undefined) return end;
  } else {
    const id = Object.entries(RESERVED_IDS).find(([name]) => name === text && name !== 'unknown')?.[1];
    const identity = id === undefined ? undefined : reservedIdentity(id);
    if (identity !== undefined) return { name: text, identity, addr: hostAddr(text, context) };
    const node = intent.nodes.get(namespacedName({ name: text }));
    const addr = text === context.nodeName ? hostAddr('host', context) : node?.addresses.find(isAddr);
    if (node !== undefined && addr !== undefined) return { ...resolveAddr(parseAddr(addr), context), name: text };
  }
  const detail = `${shown(text)} is no pod with an identity, service:namespace/name, node, address, identity:ID or reserved name`;
  throw agentErrors.make('E_AGENT_NOT_FOUND', { detail });
}

/** What stands in a request, in a message. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

/** A node port is asked for at some address of the node. */
function hostAddr(name: string, { nodeAddresses }: TraceContext): Addr | undefined {
  return name === 'host' ? nodeAddresses()[0] : undefined;
}

/** A pod of this node or of another, with all its labels where it is this node's. */
export function resolvePod(
  pod: NamespacedName,
  { intent, identities, elsewhere, endpoints }: TraceContext,
): End | undefined {
  const identity = identities.get(pod);
  if (identity === undefined) {
    const found = elsewhere.get(pod);
    return found && { name: pod, identity: found.identity, addr: found.addresses[0] };
  }
  const { namespace, name } = nameParts(pod);
  const row = intent.pods.get(pod);
  const addr = endpoints.ofPod(namespace, name)?.record.addr ?? row?.podIPs.find(isAddr);
  const workload = row === undefined ? undefined : { ...identity.workload, labels: labelMap(row.labels) };
  return { name: pod, identity, addr: addr === undefined ? undefined : parseAddr(addr), workload };
}

export function resolveAddr(addr: Addr, context: TraceContext): End {
  const { book, repository, endpoints, nodeAddresses } = context;
  const local = endpoints.ofAddress(addr);
  const pod = local === undefined ? undefined : resolvePod(namespacedName(local.record.pod), context);
  if (pod !== undefined) return { ...pod, name: addr, addr };
  const owner = nodeAddresses().includes(addr) ? RESERVED_IDS.host : book.ownerOf(addr)?.identity;
  const id: IdentityId = owner ?? book.rangeOf(addr) ?? repository.cidrs.of(addr)?.id ?? RESERVED_IDS.world;
  const identity = known(repository, id) ?? known(repository, RESERVED_IDS.world);
  if (identity === undefined) throw agentErrors.make('E_AGENT_NOT_FOUND', { detail: `identity ${id} of ${addr}` });
  return { name: addr, identity, addr };
}

export function known(repository: PolicyRepository, id: IdentityId): Identity | undefined {
  return repository.identity(id) ?? reservedIdentity(id);
}

/** How other nodes know this one, and their pods what comes from its own processes. */
export function thisNode(context: TraceContext): Pick<End, 'identity' | 'addr'> {
  const [own] = context.nodeAddresses();
  const name = own !== undefined && context.book.hasApiServer([own]) ? 'kube-apiserver' : 'remote-node';
  return { identity: resolveEnd(name, context).identity, addr: own };
}

/** Somebody outside of the cluster. */
export function isOutside({ identity }: End): boolean {
  return identity.kind === 'cidr' || (identity.kind === 'reserved' && identity.name.startsWith('world'));
}

/** The container port of that name, where the end is a pod that has one. */
export function namedPort({ identity }: End, name: string, protocol: string): number | undefined {
  if (identity.kind !== 'pod') return undefined;
  return identity.workload.namedPorts.find((port) => port.name === name && port.protocol === protocol)?.port;
}
