import { finish, type Steps } from '../../base/index.ts';
import {
  type PeerSelector,
  type PodSelector,
  type PolicyEntry,
  type PortSpec,
  policyKey,
  selectorMatches,
  type Workload,
  workloadKey,
} from '../../model/index.ts';
import { METADATA_ADDRESSES, PROTOCOL_NUMBERS, Prefix } from '../../net/index.ts';
import { selectsPod } from '../ask/index.ts';
import { peerField, ruleField } from './fields.ts';
import type { LintedFloor, LintedOpening, LintFinding, LintRule, LintWorld } from './finding.ts';

type Tenant = NonNullable<ReturnType<LintedFloor['tenantOf']>>;
type Found = Omit<LintFinding, 'rule' | 'object'>;

/**
 * The floor is asked before policy: what a rule allows beyond its tenant does nothing, and nothing fails that would say so. What is
 * said hangs on the tenant's own pods and namespaces and on what is shared with it, never on who else there is: whoever may write
 * policies would learn that by asking.
 */
export const beyondTenant: LintRule = (world) => finish(beyondTenantSteps(world));

/** The same for who has others to serve. */
export function* beyondTenantSteps(world: LintWorld): Steps<Omit<LintFinding, 'rule'>[]> {
  const { floor } = world;
  const pods = new Map(world.pods.map(({ workload }) => [workloadKey(workload), workload]));
  const byNamespace = Map.groupBy(pods.values(), ({ namespace }) => namespace);
  const namespaces = Map.groupBy(world.namespaces, ({ name }) => floor.tenantOf(name)?.name);
  const all: Omit<LintFinding, 'rule'>[] = [];
  for (const { policy, entries } of world.policies) {
    yield;
    const tenant = floor.tenantOf(policy.namespace);
    if (tenant === undefined) continue;
    const own = namespaces.get(tenant.name) ?? [];
    for (const entry of entries) {
      if (entry.verdict !== 'allow') continue;
      const inside = byNamespace.get(policy.namespace) ?? [];
      const subjects = inside.filter((workload) => selectsPod(entry.subject, workload));
      if (subjects.length === 0) continue;
      const question = { entry, shared: sharedAt(entry, subjects, floor), own, tenant, world };
      const found =
        entry.peers === 'any'
          ? [ofEverybody(question)]
          : entry.peers.map((peer, index) => ofPeer(peer, peerField(entry, index), question));
      for (const one of found) if (one !== undefined) all.push({ ...one, object: policyKey(policy) });
    }
  }
  return all;
}

type Question = {
  readonly entry: PolicyEntry;
  /** Those beyond the tenant of whom something is shared at the rule's ports. */
  readonly shared: readonly Workload[];
  /** The tenant's namespaces. */
  readonly own: LintWorld['namespaces'];
  readonly tenant: Tenant;
  readonly world: LintWorld;
};

function ofEverybody(question: Question): Found | undefined {
  const { entry, shared } = question;
  return entry.ports === 'any' || shared.length === 0 ? partly(ruleField(entry), question) : undefined;
}

function ofPeer(peer: PeerSelector, field: string, question: Question): Found | undefined {
  const { entry, shared, own, tenant, world } = question;
  if (peer.kind !== 'pods') {
    if (peer.kind === 'prefix' && tenant.world.metadata === 'Never' && isOnlyMetadata(peer)) {
      return {
        severity: 'warning',
        field,
        why: `has no effect: tenant ${tenant.name} lets nothing to or from where clouds give out a machine's credentials`,
        remedy: `Take it away, or ask for world.metadata: Open of tenant ${tenant.name}.`,
      };
    }
    // Of a pod or a node nobody here knows whether it has such an address.
    const isOutside = peer.kind === 'prefix' || peer.entity === 'world';
    const mayBeServer = entry.direction === 'egress' && tenant.systemServices.includes('apiserver');
    if (!isOutside || tenant.boundary.world === 'Open' || mayBeServer) return undefined;
    const isAll = peer.kind === 'entity' || world.settings.cidrSelects.length === 0;
    const reach = tenant.boundary.world === 'Listed' ? reachOf(peer, tenant.world.cidrs) : 'none';
    if (reach === 'all') return undefined;
    if (reach === 'some') {
      return {
        severity: 'info',
        field,
        why: `has its effect outside of the cluster only for the world.cidrs of tenant ${tenant.name}`,
        remedy: `Name what is meant of them, or ask for more in world.cidrs of tenant ${tenant.name}.`,
      };
    }
    if (tenant.boundary.world === 'Listed') {
      return {
        severity: isAll ? 'warning' : 'info',
        field,
        why: `has no effect outside of the cluster: the world.cidrs of tenant ${tenant.name} have nothing of it`,
        remedy: `Take it away, or ask for it in world.cidrs of tenant ${tenant.name}.`,
      };
    }
    return {
      severity: isAll ? 'warning' : 'info',
      field,
      why: `has no effect outside of the cluster: the boundary of tenant ${tenant.name} is closed to it`,
      remedy: `Take it away, or ask for boundary.world: Open of tenant ${tenant.name}.`,
    };
  }
  const isShared = shared.some(({ namespace, namespaceLabels }) => isOf(peer, namespace, namespaceLabels));
  if (!own.some(({ name, labels }) => isOf(peer, name, labels))) {
    if (isShared) return undefined;
    const why = `has no effect: it selects no namespace of tenant ${tenant.name}, and nothing of what is beyond it is shared there`;
    return { severity: 'warning', field, why, remedy: remedyOf(question) };
  }
  const isEverywhere = peer.namespace.name === undefined && (peer.namespace.selector?.requirements.length ?? 0) === 0;
  return isEverywhere && (entry.ports === 'any' || !isShared) ? partly(field, question) : undefined;
}

/** How much of what the peer means outside of the cluster the tenant lists. */
function reachOf(peer: Exclude<PeerSelector, PodSelector>, cidrs: readonly Prefix[]): 'none' | 'some' | 'all' {
  if (peer.kind === 'entity') return cidrs.length > 0 ? 'some' : 'none';
  const { prefix } = peer;
  if (cidrs.some((cidr) => cidr.contains(prefix))) return 'all';
  // What it excepts may be all that is listed of it.
  const meant = cidrs.filter((cidr) => prefix.contains(cidr) && !peer.except.some((one) => one.contains(cidr)));
  return meant.length > 0 ? 'some' : 'none';
}

const METADATA = METADATA_ADDRESSES.map((addr) => Prefix.host(addr));

/** Whether it means some of these addresses, and no other. */
function isOnlyMetadata({ prefix, except }: Extract<PeerSelector, { readonly kind: 'prefix' }>): boolean {
  const isMeant = (one: Prefix): boolean => prefix.contains(one) && !except.some((hole) => hole.contains(one));
  return METADATA.some(isMeant) && isFilledBy(prefix, [...except, ...METADATA]);
}

function isFilledBy(prefix: Prefix, parts: readonly Prefix[]): boolean {
  if (parts.some((part) => part.contains(prefix))) return true;
  const within = parts.filter((part) => prefix.contains(part));
  if (within.reduce((sum, { size }) => sum + size, 0n) < prefix.size) return false;
  const { family, value, length, size } = prefix;
  return [value, value + size / 2n].every((half) => isFilledBy(Prefix.ofValue(family, half, length + 1), within));
}

/** Whether pods of the namespace may be meant. */
function isOf(
  { namespace: { name, selector } }: PodSelector,
  own: string,
  labels: Workload['namespaceLabels'],
): boolean {
  return (name === undefined || name === own) && (selector === undefined || selectorMatches(selector, labels));
}

function partly(field: string, question: Question): Found {
  const why = `has no effect beyond tenant ${question.tenant.name}, but for what is shared`;
  return { severity: 'info', field, why, remedy: remedyOf(question) };
}

/** Names nobody: who else there is, is not for everybody to know who may write a policy. */
function remedyOf({ entry: { direction }, tenant: { name } }: Question): string {
  return direction === 'ingress'
    ? `Whom it is meant for needs an export of tenant ${name}, and has to import it; else say which pods of the tenant are meant.`
    : `Ask whose it is for an export, and import it in tenant ${name}; else say which pods of the tenant are meant.`;
}

function sharedAt(entry: PolicyEntry, subjects: readonly Workload[], floor: LintedFloor): Workload[] {
  return subjects.flatMap((subject) =>
    floor.shared(subject, entry.direction).flatMap((opening) => {
      const responder = entry.direction === 'ingress' ? subject : opening.other;
      return covers(entry.ports, opening, responder) ? [opening.other] : [];
    }),
  );
}

function covers(ports: PolicyEntry['ports'], { protocol, port }: LintedOpening, responder: Workload): boolean {
  if (ports === 'any') return true;
  const isIt = (spec: PortSpec): boolean =>
    'name' in spec
      ? responder.namedPorts.some((one) => one.name === spec.name && one.protocol === protocol && one.port === port)
      : spec.from <= port && spec.to >= port;
  return ports.some((spec) => spec.protocol === PROTOCOL_NUMBERS[protocol] && isIt(spec));
}
