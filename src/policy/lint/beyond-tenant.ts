import {
  type IdentityId,
  type PeerSelector,
  type PolicyEntry,
  type PortSpec,
  policyKey,
  type Workload,
} from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import { peerField, ruleField } from './fields.ts';
import type { LintedFloor, LintedOpening, LintFinding, LintRule, LintWorld } from './finding.ts';
import { Selected, type Selection } from './selected.ts';

type Tenant = NonNullable<ReturnType<LintedFloor['tenantOf']>>;
type Found = Omit<LintFinding, 'rule' | 'object'>;

/** The floor is asked before policy: what a rule allows beyond its tenant does nothing, and nothing fails that would say so. */
export const beyondTenant: LintRule = (world) => {
  const { floor } = world;
  const pods = world.pods.map(({ workload }) => workload);
  const selected = new Selected(pods, (namespace) => floor.tenantOf(namespace)?.name);
  return world.policies.flatMap(({ policy, entries }) => {
    const tenant = floor.tenantOf(policy.namespace);
    if (tenant === undefined) return [];
    return entries.flatMap((entry) => {
      if (entry.verdict !== 'allow') return [];
      const subjects = selected.workloadsOf(selected.by(entry.subject));
      if (subjects.length === 0) return [];
      const question = { entry, reached: reachedBy(entry, subjects, selected, floor), selected, tenant, world };
      const found =
        entry.peers === 'any'
          ? [ofEverybody(question)]
          : entry.peers.map((peer, index) => ofPeer(peer, peerField(entry, index), question));
      return found.filter((one) => one !== undefined).map((one) => ({ ...one, object: policyKey(policy) }));
    });
  });
};

type Question = {
  readonly entry: PolicyEntry;
  /** Those beyond the tenant of whom something is shared at the rule's ports. */
  readonly reached: ReadonlySet<IdentityId>;
  readonly selected: Selected;
  readonly tenant: Tenant;
  readonly world: LintWorld;
};

function ofEverybody(question: Question): Found | undefined {
  const { entry, selected, tenant } = question;
  const { beyond, lost } = split(selected.everybody, question);
  if (lost === 0 && tenant.boundary.world === 'Open') return undefined;
  return entry.ports === 'any' || beyond === 0 ? partly(ruleField(entry), question) : undefined;
}

function ofPeer(peer: PeerSelector, field: string, question: Question): Found | undefined {
  const { entry, selected, tenant, world } = question;
  if (peer.kind !== 'pods') {
    // Of a pod or a node nobody here knows whether it has such an address.
    const isOutside = peer.kind === 'prefix' || peer.entity === 'world';
    const mayBeServer = entry.direction === 'egress' && tenant.systemServices.includes('apiserver');
    if (!isOutside || tenant.boundary.world === 'Open' || mayBeServer) return undefined;
    const isAll = peer.kind === 'entity' || world.settings.cidrSelects.length === 0;
    return {
      severity: isAll ? 'warning' : 'info',
      field,
      why: `has no effect outside of the cluster: the boundary of tenant ${tenant.name} is closed to it`,
      remedy: `Take it away, or ask for boundary.world: Open of tenant ${tenant.name}.`,
    };
  }
  const { within, beyond, lost } = split(selected.by(peer), question);
  if (lost === 0) return undefined;
  if (within + beyond === 0) {
    const why = `has no effect: all that it selects is beyond tenant ${tenant.name}, and nothing of this is shared`;
    return { severity: 'warning', field, why, remedy: remedyOf(question) };
  }
  return entry.ports === 'any' || beyond === 0 ? partly(field, question) : undefined;
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

/** How many of these the rule reaches within the tenant and beyond it, and how many it does not. */
function split({ members, perTenant }: Selection, { reached, tenant }: Question) {
  const within = perTenant.get(tenant.name) ?? 0;
  const beyond = reached.intersection(members).size;
  return { within, beyond, lost: members.size - within - beyond };
}

function reachedBy(entry: PolicyEntry, subjects: readonly Workload[], selected: Selected, floor: LintedFloor) {
  const reached = new Set<IdentityId>();
  for (const subject of subjects) {
    for (const opening of floor.shared(subject, entry.direction)) {
      const responder = entry.direction === 'ingress' ? subject : opening.other;
      const id = selected.idOf(opening.other);
      const isBeyond = id !== undefined && selected.tenantOf(id) !== floor.tenantOf(subject.namespace)?.name;
      if (isBeyond && covers(entry.ports, opening, responder)) reached.add(id);
    }
  }
  return reached;
}

function covers(ports: PolicyEntry['ports'], { protocol, port }: LintedOpening, responder: Workload): boolean {
  if (ports === 'any') return true;
  const isIt = (spec: PortSpec): boolean =>
    'name' in spec
      ? responder.namedPorts.some((one) => one.name === spec.name && one.protocol === protocol && one.port === port)
      : spec.from <= port && spec.to >= port;
  return ports.some((spec) => spec.protocol === PROTOCOL_NUMBERS[protocol] && isIt(spec));
}
