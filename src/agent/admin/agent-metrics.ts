import { byLabel, type Reading, type Registry, readCounter, readGauge } from '../../base/metrics.ts';
import { type AddressBook, DISBELIEFS, type PodsElsewhere } from '../../cluster/index.ts';
import { type MapSet, readCounters } from '../../datapath/index.ts';
import { ENDPOINT_STATES } from '../../endpoint/index.ts';
import type { ClusterNumbers } from '../../identity/index.ts';
import type { FlowHub } from '../../observe/index.ts';
import type {
  DirectionState,
  EndpointTable,
  IpcacheReconciler,
  PolicyFollower,
  PolicyInstaller,
  PolicyProblem,
} from '../../plane/index.ts';
import type { Reflection } from '../objects/index.ts';
import type { Collection } from '../upkeep/index.ts';

export type MetricsSources = {
  readonly maps: MapSet;
  readonly endpoints: EndpointTable;
  readonly allocator: ClusterNumbers;
  readonly installer: PolicyInstaller;
  readonly policies: Pick<PolicyFollower, 'problems' | 'staged'>;
  readonly book: Pick<AddressBook, 'unplaced'>;
  readonly elsewhere: Pick<PodsElsewhere, 'disbelieved'>;
  readonly ipcache: IpcacheReconciler;
  readonly collection: Collection;
  readonly hub: FlowHub;
  readonly wouldDrops: ReadonlyMap<string, number>;
  readonly stagedVerdicts: ReadonlyMap<string, number>;
  readonly reflection: Pick<Reflection, 'status'>;
};

/** Everything is read when it is asked for; nothing runs between two scrapes. */
export function registerAgentMetrics(registry: Registry, sources: MetricsSources): void {
  registerDatapath(registry, sources);
  registerFlows(registry, sources);
  registerKube(registry, sources);
  registerPolicy(registry, sources);
  readGauge(registry, {
    name: 'membrane_agent_resident_bytes',
    help: 'Memory of the agent',
    read: () => process.memoryUsage.rss(),
  });
}

function registerDatapath(registry: Registry, sources: MetricsSources): void {
  const { maps, endpoints, installer, book, elsewhere, ipcache, collection } = sources;
  readCounter(registry, {
    name: 'membrane_datapath_packets_total',
    help: 'Packets by verdict (reason "none": forwarded) and direction, since the maps were created',
    labelNames: ['reason', 'direction'],
    read: async () =>
      (await readCounters(maps)).map(({ reason, direction, packets }) => [{ reason, direction }, packets] as const),
  });
  readGauge(registry, {
    name: 'membrane_endpoints',
    help: 'Endpoints of this node by state',
    labelNames: ['state'],
    read: () => {
      const all = endpoints.values();
      return byLabel(
        'state',
        ENDPOINT_STATES.map((state) => [state, all.filter((endpoint) => endpoint.state === state).length]),
      );
    },
  });
  readGauge(registry, {
    name: 'membrane_map_fill_ratio',
    help: 'How full the maps are',
    labelNames: ['map'],
    read: () => {
      const rows = {
        policy: installer.rows,
        policy_peers: installer.peers,
        ipcache: ipcache.size,
        conntrack: collection.entries,
      };
      const names = Object.keys(rows) as (keyof typeof rows)[];
      return byLabel(
        'map',
        names.map((map) => [map, rows[map] / maps.spec(map).maxEntries]),
      );
    },
  });
  readGauge(registry, {
    name: 'membrane_unplaced_addresses',
    help: 'Addresses of pods and nodes elsewhere that have no room in the ipcache',
    read: () => book.unplaced,
  });
  readGauge(registry, {
    name: 'membrane_disbelieved_addresses',
    help: 'Addresses at which a node tells of a pod that is not believed to be there, by reason',
    labelNames: ['reason'],
    read: () => {
      const reasons = [...elsewhere.disbelieved.values()];
      return byLabel(
        'reason',
        DISBELIEFS.map((reason) => [reason, reasons.filter((one) => one === reason).length]),
      );
    },
  });
}

function registerFlows(registry: Registry, { hub, wouldDrops, stagedVerdicts }: MetricsSources): void {
  readCounter(registry, {
    name: 'membrane_flow_lost_total',
    help: 'Flow events that were lost, by place',
    labelNames: ['place'],
    read: () => byLabel('place', Object.entries(hub.stats().lost)),
  });
  readCounter(registry, {
    name: 'membrane_tenant_would_drop_total',
    help: 'Connections that were seen to open here, and would not had all Tenants that observe been in force, by reason',
    labelNames: ['reason'],
    read: () => byLabel('reason', wouldDrops),
  });
  readCounter(registry, {
    name: 'membrane_policy_staged_verdicts_total',
    help: 'What staged policies would change of what was seen here: connections that opened ("would-drop") and packets that policy dropped ("would-allow"); "unjudged": it cannot be said',
    labelNames: ['change'],
    read: () => byLabel('change', stagedVerdicts),
  });
}

function registerKube(registry: Registry, { reflection }: MetricsSources): void {
  const byKind = (of: (status: ReturnType<Reflection['status']>[number]['status']) => number): Reading<'kind'> =>
    byLabel(
      'kind',
      reflection.status().map(({ kind, status }) => [kind, of(status)]),
    );
  readGauge(registry, {
    name: 'membrane_kube_silence_seconds',
    help: 'Since the API server was last heard of, by kind; NaN: never. Above watchSeconds + 5, the view is out of date',
    labelNames: ['kind'],
    read: () => byKind(({ silentMs }) => (silentMs ?? NaN) / 1_000),
  });
  readGauge(registry, {
    name: 'membrane_kube_unreadable_objects',
    help: 'Objects of which the newest version cannot be read, by kind: pods, namespaces and slices count as gone',
    labelNames: ['kind'],
    read: () => byKind(({ rejected }) => rejected.length),
  });
  readGauge(registry, {
    name: 'membrane_kube_connected',
    help: 'Whether the API server is followed as it should be, by kind',
    labelNames: ['kind'],
    read: () => byKind(({ synced, problem }) => (synced && problem === undefined ? 1 : 0)),
  });
  readCounter(registry, {
    name: 'membrane_kube_lists_total',
    help: 'How often all objects were read anew, by kind: more than one means that a watch was lost for too long',
    labelNames: ['kind'],
    read: () => byKind(({ lists }) => lists),
  });
}

function registerPolicy(registry: Registry, { allocator, installer, policies }: MetricsSources): void {
  readGauge(registry, {
    name: 'membrane_identities',
    help: 'Identities of pods',
    read: () => allocator.identities().length,
  });
  readGauge(registry, {
    name: 'membrane_policy_staged_policies',
    help: 'Policies that are staged: they are looked at and not enforced',
    read: () => policies.staged.policies.size,
  });
  readGauge(registry, {
    name: 'membrane_policy_refused_identities',
    help: 'Identities of this node for which some policy is not in force',
    read: () => count(installer, ({ problem }) => problem !== undefined),
  });
  readGauge(registry, {
    name: 'membrane_policy_closed_policies',
    help: 'Policies of which a rule admits nobody, because it cannot be read or its peers do not fit',
    labelNames: ['reason'],
    read: () => {
      const problems = policies.problems.values().toArray().flat();
      const reasons = ['unreadable', 'no-room'] satisfies PolicyProblem['kind'][];
      return byLabel(
        'reason',
        reasons.map((reason) => [reason, problems.filter(({ kind }) => kind === reason).length]),
      );
    },
  });
  readGauge(registry, {
    name: 'membrane_policy_closed_identities',
    help: 'Identities of this node with a direction that is closed because its table does not fit or is not there yet',
    read: () => count(installer, ({ inForce }) => inForce === 'closed'),
  });
  readGauge(registry, {
    name: 'membrane_policy_building_tables',
    help: 'Policy tables that are being made',
    read: () => installer.building,
  });
}

function count(installer: PolicyInstaller, is: (state: DirectionState) => boolean): number {
  return Array.from(installer.entries()).filter(([, { states }]) => Object.values(states).some(is)).length;
}
