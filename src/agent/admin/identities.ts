import type { IdentityView } from '../../api/index.ts';
import { errorMessage } from '../../base/index.ts';
import type { AddressBook, Intent, WaitingRow } from '../../cluster/index.ts';
import type { EndpointWords } from '../../datapath/index.ts';
import { type ClusterNumbers, type Doubt, RESERVED_IDENTITIES } from '../../identity/index.ts';
import { type Identity, identityLabels, type ReservedName } from '../../model/index.ts';
import type { EndpointTable } from '../../plane/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';

export type IdentityViewContext = {
  readonly nodeName: string;
  readonly intent: Pick<Intent, 'nodes'>;
  readonly book: Pick<AddressBook, 'hasApiServer'>;
  readonly endpoints: EndpointTable;
  readonly allocator: Pick<ClusterNumbers, 'identities' | 'users'>;
  readonly repository: Pick<PolicyRepository, 'cidrs'>;
  readonly words: EndpointWords;
};

export function identityViews(context: IdentityViewContext): IdentityView[] {
  const { allocator, repository } = context;
  const users = repository.cidrs.counts();
  const here = endpointCounts(context);
  const view = (identity: Identity, references: number): IdentityView => ({
    id: identity.id,
    kind: identity.kind === 'pod' ? 'cluster' : identity.kind,
    labels: [...identityLabels(identity)],
    ...(identity.kind === 'pod' && workloadFields(identity.workload)),
    endpoints: here.get(identity.id) ?? 0,
    references,
  });
  return [
    ...RESERVED_IDENTITIES.map((identity) => view(identity, holders(identity.name, context))),
    ...allocator.identities().map((identity) => view(identity, allocator.users(identity.id))),
    ...repository.cidrs.identities().map((identity) => view(identity, users.get(identity.prefix.toString()) ?? 0)),
  ];
}

/** Endpoints of this node by the identity that the kernel knows them by. */
function endpointCounts({ endpoints, words }: IdentityViewContext): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { record } of endpoints.values()) {
    const identity = words.get(record.id)?.identity;
    if (identity !== undefined) counts.set(identity, (counts.get(identity) ?? 0) + 1);
  }
  return counts;
}

function workloadFields({
  namespace,
  serviceAccount,
  labels,
  namedPorts,
}: Extract<Identity, { kind: 'pod' }>['workload']) {
  return {
    namespace,
    serviceAccount,
    podLabels: Array.from(labels, ([key, value]) => `${key}=${value}`).sort(),
    namedPorts: namedPorts.map(({ name, port, protocol }) => ({ name, port, protocol })),
  };
}

/** How many nodes, or places, somebody with a reserved identity can be at; the others are there for flows of other systems. */
function holders(name: ReservedName, { intent, book, nodeName }: IdentityViewContext): number {
  const others = intent.nodes.rows.values().filter((row) => row.name !== nodeName);
  switch (name) {
    case 'host':
    case 'world':
    case 'pod-range':
    case 'service-range':
      return 1;
    case 'remote-node':
      return others.filter(({ addresses }) => !book.hasApiServer(addresses)).toArray().length;
    case 'kube-apiserver':
      return others.filter(({ addresses }) => book.hasApiServer(addresses)).toArray().length;
    default:
      return 0;
  }
}

const MOST_NAMED = 5;

/**
 * What is wrong with the numbers of this node's pods: of those that have none, one that was asked for is on its way, unless the
 * API server gives none; of those in doubt it shows no Identity, or that of somebody else.
 */
export function identityNumbers(
  waiting: readonly WaitingRow[],
  doubts: readonly Doubt[],
): { readonly problems: readonly string[]; readonly fine: string } {
  const refused = waiting.filter((row) => row.state === 'refused' || row.isFailing);
  const named = refused.slice(0, MOST_NAMED).map(({ pod, why }) => `pod ${pod}: ${why}`);
  const more = refused.length > MOST_NAMED ? [`and ${refused.length - MOST_NAMED} more pods`] : [];
  const doubted = doubts.slice(0, MOST_NAMED).map(doubtText);
  if (doubts.length > MOST_NAMED) doubted.push(`and ${doubts.length - MOST_NAMED} more Identities`);
  const awaited = waiting.length - refused.length;
  const pods = awaited === 1 ? '1 pod is' : `${awaited} pods are`;
  return {
    problems: [...named, ...more, ...doubted],
    fine: awaited === 0 ? 'every pod has one' : `${pods} waiting for one`,
  };
}

function doubtText({ identity: { id, workload }, failure }: Doubt): string {
  const why = failure === undefined ? '' : ` (${errorMessage(failure)})`;
  return `Identity ${id}, which pods of namespace ${workload.namespace} have, is gone or says another workload: other nodes let them through nowhere; it is made again${why}`;
}
