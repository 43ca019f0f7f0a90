import type { Identity } from '../model/index.ts';
import { type Addr, isMetadata } from '../net/index.ts';
import type { Belonging, Membership } from './membership.ts';

/** Why the floor lets nobody open a connection; the words are those of drop reasons. */
export type FloorRefusal = {
  readonly reason: 'tenant-boundary' | 'tenant-closed' | 'tenant-world' | 'tenant-nodes' | 'tenant-metadata';
  /** One sentence. */
  readonly text: string;
};

export type FloorQuestion = {
  readonly opener: Identity;
  readonly responder: Identity;
  /** Of whoever is no pod; undefined: nobody says which of those that his identity has. */
  readonly addr?: Addr | undefined;
  /** Whether both tenants let the one open to the other there. */
  readonly isShared?: () => boolean;
};

/**
 * The floor's answer about a new connection, as its users are told it; undefined: policy decides. Says the same as
 * bpf/lib/tenant.h in other words, on purpose.
 */
export function askFloor(question: FloorQuestion, membership: Membership): FloorRefusal | undefined {
  const { isShared = () => false } = question;
  const refusal = askUnshared(question, membership);
  // What is closed shares nothing, and nobody shares what clouds give out.
  const isFinal = refusal?.reason === 'tenant-closed' || refusal?.reason === 'tenant-metadata';
  return refusal === undefined || isFinal || !isShared() ? refusal : undefined;
}

function askUnshared({ opener, responder, addr }: FloorQuestion, membership: Membership): FloorRefusal | undefined {
  const from = sideOf(opener, membership);
  const to = sideOf(responder, membership);
  if (from.kind !== 'pod' && to.kind !== 'pod') return undefined;
  if (from.kind === 'host') return undefined;
  for (const side of [from, to]) {
    if (side.kind === 'pod' && side.belonging.state === 'closed') {
      return { reason: 'tenant-closed', text: side.belonging.why };
    }
  }
  if (from.kind === 'pod' && to.kind === 'pod') return between(from.belonging, to.belonging, membership);
  const opens = from.kind === 'pod';
  const pod = opens ? from : to;
  const other = opens ? to : from;
  if (pod.kind !== 'pod' || pod.belonging.state !== 'tenant') return undefined;
  const { name, boundary, world } = pod.belonging.tenant;
  if (world.metadata === 'Never' && addr !== undefined && isMetadata(addr)) {
    const text = `tenant ${name} has nothing to do with ${addr}, where clouds give out a machine's credentials`;
    return { reason: 'tenant-metadata', text };
  }
  if (other.kind === 'host' || other.kind === 'node') {
    const closed = boundary.nodes === 'ProbesOnly' && (opens || boundary.world !== 'Open');
    if (!closed) return undefined;
    const text = opens
      ? `the boundary of tenant ${name} lets its pods open nothing to nodes`
      : `the boundary of tenant ${name} lets other nodes open nothing to its pods`;
    return { reason: 'tenant-nodes', text };
  }
  if (boundary.world === 'Open') return undefined;
  if (boundary.world === 'Listed') {
    if (addr !== undefined && world.cidrs.some((cidr) => cidr.contains(addr))) return undefined;
    return { reason: 'tenant-world', text: `the world.cidrs of tenant ${name} do not list ${addr ?? 'all of it'}` };
  }
  return { reason: 'tenant-world', text: `the boundary of tenant ${name} is closed to what is outside of the cluster` };
}

type Side = { readonly kind: 'pod'; readonly belonging: Belonging } | { readonly kind: 'host' | 'node' | 'world' };

function sideOf(identity: Identity, membership: Membership): Side {
  if (identity.kind === 'pod') return { kind: 'pod', belonging: membership.of(identity.workload.namespace) };
  if (identity.kind !== 'reserved') return { kind: 'world' };
  switch (identity.name) {
    case 'host':
      return { kind: 'host' };
    case 'remote-node':
    case 'kube-apiserver':
      return { kind: 'node' };
    default:
      return { kind: 'world' };
  }
}

function between(from: Belonging, to: Belonging, { settings }: Membership): FloorRefusal | undefined {
  const together = settings.unassigned === 'Open';
  const [a, b] = [groupOf(from, together), groupOf(to, together)];
  if (a === b) return undefined;
  const text = `${tenantText(from)} and ${tenantText(to)} are apart, and nothing is shared between them for this`;
  return { reason: 'tenant-boundary', text };
}

function groupOf(belonging: Belonging, together: boolean): string {
  if (belonging.state === 'tenant') return `tenant ${belonging.tenant.name}`;
  return together ? 'none' : belonging.state;
}

/** `tenant shop`, `the cluster's own namespaces`. */
function tenantText(belonging: Belonging): string {
  switch (belonging.state) {
    case 'tenant':
      return `tenant ${belonging.tenant.name}`;
    case 'system':
      return 'tenant system';
    case 'unassigned':
      return 'namespaces of no tenant';
    case 'closed':
      return 'a closed namespace';
  }
}
