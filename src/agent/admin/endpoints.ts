import type { EndpointView } from '../../api/index.ts';
import {
  type EndpointAccounts,
  type EndpointWord,
  type EndpointWords,
  type MapSet,
  readDrops,
} from '../../datapath/index.ts';
import type { EndpointState } from '../../endpoint/index.ts';
import {
  type Direction,
  type EndpointId,
  identityLabels,
  identityNamedPorts,
  type PodIdentity,
} from '../../model/index.ts';
import type { Endpoint, PolicyInstaller } from '../../plane/index.ts';

const STATES: Readonly<Record<EndpointState, EndpointView['state']>> = {
  creating: 'creating',
  'waiting-for-identity': 'waiting',
  ready: 'ready',
  broken: 'broken',
  disconnecting: 'deleting',
};

export type EndpointViewContext = {
  readonly installer: Pick<PolicyInstaller, 'get'>;
  readonly words: EndpointWords;
  readonly identityOf: (endpoint: Endpoint) => PodIdentity | undefined;
};

export function endpointView(endpoint: Endpoint, { words, installer, identityOf }: EndpointViewContext): EndpointView {
  const { record, state, detail } = endpoint;
  const identity = identityOf(endpoint);
  const word = words.get(record.id);
  const ingress = standing(word, 'ingress', installer);
  const egress = standing(word, 'egress', installer);
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
    identity: word?.identity ?? identity?.id ?? 0,
    labels: identity === undefined ? [] : [...identityLabels(identity)],
    namedPorts: identityNamedPorts(identity).map((port) => ({ ...port })),
    enforced: { ingress: ingress.enforced, egress: egress.enforced },
    inForce: { ingress: ingress.inForce, egress: egress.inForce },
    policyRevision: word?.revision ?? 0,
  };
}

/** A device that is closed lets nothing pass, whatever tables there are. */
const SHUT = { enforced: true, inForce: 'closed' } as const;

type Standing = { readonly enforced: boolean; readonly inForce: EndpointView['inForce']['ingress'] };

function standing(
  word: EndpointWord | undefined,
  direction: Direction,
  installer: EndpointViewContext['installer'],
): Standing {
  const state = word === undefined ? undefined : installer.get(word.identity)?.states[direction];
  if (state === undefined) return SHUT;
  const enforced = state.floor !== 'open';
  if (state.inForce !== 'wanted') return { enforced, inForce: enforced ? state.inForce : 'former' };
  return { enforced, inForce: state.problem === undefined ? 'wanted' : 'in-part' };
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
