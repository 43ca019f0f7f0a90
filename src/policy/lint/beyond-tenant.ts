import {
  type PeerSelector,
  type PolicyEntry,
  type PortSpec,
  policyKey,
  type Workload,
  workloadKey,
} from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import { selectsPod } from '../ask/index.ts';
import { peerField, ruleField } from './fields.ts';
import type { LintedFloor, LintedOpening, LintFinding, LintRule, LintWorld } from './finding.ts';

type Tenant = NonNullable<ReturnType<LintedFloor['tenantOf']>>;
type Found = Omit<LintFinding, 'rule' | 'object'>;

/** The floor is asked before policy: what a rule allows beyond its tenant does nothing, and nothing fails that would say so. */
export const beyondTenant: LintRule = (world) => {
  const byKey = new Map(world.pods.map(({ workload }) => [workloadKey(workload), workload]));
  const workloads = Array.from(byKey.values());
  return world.policies.flatMap(({ policy, entries }) => {
    const tenant = world.floor.tenantOf(policy.namespace);
    if (tenant === undefined) return [];
    return entries.flatMap((entry) => {
      if (entry.verdict !== 'allow') return [];
      const subjects = workloads.filter((workload) => selectsPod(entry.subject, workload));
      if (subjects.length === 0) return [];
      const question = { entry, subjects, workloads, byKey, tenant, world };
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
  readonly subjects: readonly Workload[];
  readonly workloads: readonly Workload[];
  /** The same by their keys. */
  readonly byKey: ReadonlyMap<string, Workload>;
  readonly tenant: Tenant;
  readonly world: LintWorld;
};

function ofEverybody(question: Question): Found | undefined {
  const { entry, workloads, tenant } = question;
  const { beyond, lost } = split(workloads, question);
  if (lost === 0 && tenant.boundary.world === 'Open') return undefined;
  return entry.ports === 'any' || beyond === 0 ? partly(ruleField(entry), question) : undefined;
}

function ofPeer(peer: PeerSelector, field: string, question: Question): Found | undefined {
  const { entry, workloads, tenant, world } = question;
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
  const { within, beyond, lost } = split(
    workloads.filter((workload) => selectsPod(peer, workload)),
    question,
  );
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

/** How many of the others the rule reaches within the tenant and beyond it, and how many it does not. */
function split(others: readonly Workload[], { entry, subjects, byKey, tenant, world: { floor } }: Question) {
  const strangers = others.filter(({ namespace }) => floor.tenantOf(namespace)?.name !== tenant.name);
  const reached = new Set<Workload | undefined>();
  for (const subject of subjects) {
    for (const opening of floor.shared(subject, entry.direction)) {
      const responder = entry.direction === 'ingress' ? subject : opening.other;
      if (covers(entry.ports, opening, responder)) reached.add(byKey.get(workloadKey(opening.other)));
    }
  }
  const beyond = strangers.filter((other) => reached.has(other)).length;
  return { within: others.length - strangers.length, beyond, lost: strangers.length - beyond };
}

function covers(ports: PolicyEntry['ports'], { protocol, port }: LintedOpening, responder: Workload): boolean {
  if (ports === 'any') return true;
  const isIt = (spec: PortSpec): boolean =>
    'name' in spec
      ? responder.namedPorts.some((one) => one.name === spec.name && one.protocol === protocol && one.port === port)
      : spec.from <= port && spec.to >= port;
  return ports.some((spec) => spec.protocol === PROTOCOL_NUMBERS[protocol] && isIt(spec));
}
