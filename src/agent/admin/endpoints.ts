import type { EndpointView } from '../../api/index.ts';
import { type EndpointAccounts, type EndpointWords, type MapSet, readDrops } from '../../datapath/index.ts';
import type { EndpointState } from '../../endpoint/index.ts';
import {
  type Direction,
  type EndpointId,
  identityLabels,
  identityNamedPorts,
  type PodIdentity,
} from '../../model/index.ts';
import type { Endpoint } from '../../plane/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';

const STATES: Readonly<Record<EndpointState, EndpointView['state']>> = {
  creating: 'creating',
  'waiting-for-identity': 'waiting',
  ready: 'ready',
  broken: 'broken',
  disconnecting: 'deleting',
};

export type EndpointViewContext = {
  readonly repository: PolicyRepository;
  readonly words: EndpointWords;
  readonly identityOf: (endpoint: Endpoint) => PodIdentity | undefined;
};

export function endpointView(endpoint: Endpoint, { repository, words, identityOf }: EndpointViewContext): EndpointView {
  const { record, state, detail } = endpoint;
  const identity = identityOf(endpoint);
  const known = identity !== undefined && repository.identity(identity.id)?.kind === 'pod' ? identity : undefined;
  return {
    id: record.id,
    state: STATES[state],
    ...(detail === undefined ? {} : { detail }),
    namespace: record.pod.namespace,
    pod: record.pod.name,
    podUid: record.pod.uid ?? '',
    containerId: record.attachment.containerId,
    addresses: [record.addr],
    mac: record.mac,
    interface: record.hostIfname,
    ifindex: record.hostIfindex,
    identity: words.get(record.id)?.identity ?? identity?.id ?? 0,
    labels: identity === undefined ? [] : [...identityLabels(identity)],
    namedPorts: identityNamedPorts(identity).map((port) => ({ ...port })),
    enforced: { ingress: isEnforced(repository, known, 'ingress'), egress: isEnforced(repository, known, 'egress') },
    policyRevision: words.get(record.id)?.revision ?? 0,
  };
}

/** Does anything but the default decide about the identity's packets of this direction? */
export function isEnforced(
  repository: PolicyRepository,
  identity: PodIdentity | undefined,
  direction: Direction,
): boolean {
  const { enforcement } = repository.settings;
  if (enforcement !== 'default') return enforcement === 'always';
  if (identity === undefined) return false;
  return repository.entriesFor(identity.id).some((entry) => entry.direction === direction && entry.isolates);
}

/** What the node's own devices drop, and its processes are refused, is counted under this id. */
const NODE = 0;

type Drops = NonNullable<EndpointView['counters']>['drops'];

async function dropsOf(maps: MapSet, id: number): Promise<Drops> {
  const drops = (await readDrops(maps)).filter(({ endpoint }) => endpoint === id);
  return drops.map(({ reason, direction, packets, bytes }) => ({ reason, direction, packets, bytes }));
}

export async function nodeDrops(maps: MapSet): Promise<Drops> {
  return await dropsOf(maps, NODE);
}

/** Drops at its device and refusals at its sockets, and what is not told of it. What was forwarded is counted for the node only. */
export async function endpointCounters(
  maps: MapSet,
  accounts: EndpointAccounts,
  id: EndpointId,
): Promise<NonNullable<EndpointView['counters']>> {
  return { drops: await dropsOf(maps, id), missedEvents: accounts.missedEvents(id) };
}
