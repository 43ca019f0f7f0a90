import { Counter, Gauge, type Registry } from '../../base/metrics.ts';
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
export function registerAgentMetrics(registry: Registry, sources: MetricsSources): readonly (Counter | Gauge)[] {
  const registers = [registry];
  const { maps, endpoints, allocator, installer, policies, book, elsewhere, ipcache } = sources;
  const { collection, hub, wouldDrops, stagedVerdicts, reflection } = sources;
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  return [
    new Counter({
      name: 'membrane_datapath_packets_total',
      help: 'Packets by verdict (reason "none": forwarded) and direction, since the maps were created',
      labelNames: ['reason', 'direction'],
      registers,
      async collect() {
        const counters = await readCounters(maps);
        this.reset();
        for (const { reason, direction, packets } of counters) this.inc({ reason, direction }, packets);
      },
    }),
    new Gauge({
      name: 'membrane_endpoints',
      help: 'Endpoints of this node by state',
      labelNames: ['state'],
      registers,
      collect() {
        for (const state of ENDPOINT_STATES) {
          this.set({ state }, endpoints.values().filter((endpoint) => endpoint.state === state).length);
        }
      },
    }),
    new Gauge({
      name: 'membrane_map_fill_ratio',
      help: 'How full the maps are',
      labelNames: ['map'],
      registers,
      collect() {
        this.set({ map: 'policy' }, installer.rows / maps.spec('policy').maxEntries);
        this.set({ map: 'policy_peers' }, installer.peers / maps.spec('policy_peers').maxEntries);
        this.set({ map: 'ipcache' }, ipcache.size / maps.spec('ipcache').maxEntries);
        this.set({ map: 'conntrack' }, collection.entries / maps.spec('conntrack').maxEntries);
      },
    }),
    new Counter({
      name: 'membrane_flow_lost_total',
      help: 'Flow events that were lost, by place',
      labelNames: ['place'],
      registers,
      collect() {
        this.reset();
        for (const [place, lost] of Object.entries(hub.stats().lost)) this.inc({ place }, lost);
      },
    }),
    new Counter({
      name: 'membrane_tenant_would_drop_total',
      help: 'Connections that were seen to open here, and would not had all Tenants that observe been in force, by reason',
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset();
        for (const [reason, count] of wouldDrops) this.inc({ reason }, count);
      },
    }),
    gauge(
      'membrane_policy_staged_policies',
      'Policies that are staged: they are looked at and not enforced',
      () => policies.staged.policies.size,
    ),
    new Counter({
      name: 'membrane_policy_staged_verdicts_total',
      help: 'What staged policies would change of what was seen here: connections that opened ("would-drop") and packets that policy dropped ("would-allow"); "unjudged": it cannot be said',
      labelNames: ['change'],
      registers,
      collect() {
        this.reset();
        for (const [change, count] of stagedVerdicts) this.inc({ change }, count);
      },
    }),
    new Gauge({
      name: 'membrane_kube_silence_seconds',
      help: 'Since the API server was last heard of, by kind; NaN: never. Above watchSeconds + 5, the view is out of date',
      labelNames: ['kind'],
      registers,
      collect() {
        for (const { kind, status } of reflection.status()) this.set({ kind }, (status.silentMs ?? NaN) / 1_000);
      },
    }),
    new Gauge({
      name: 'membrane_kube_unreadable_objects',
      help: 'Objects of which the newest version cannot be read, by kind: pods, namespaces and slices count as gone',
      labelNames: ['kind'],
      registers,
      collect() {
        for (const { kind, status } of reflection.status()) this.set({ kind }, status.rejected.length);
      },
    }),
    new Gauge({
      name: 'membrane_kube_connected',
      help: 'Whether the API server is followed as it should be, by kind',
      labelNames: ['kind'],
      registers,
      collect() {
        for (const { kind, status } of reflection.status())
          this.set({ kind }, status.synced && status.problem === undefined ? 1 : 0);
      },
    }),
    new Counter({
      name: 'membrane_kube_lists_total',
      help: 'How often all objects were read anew, by kind: more than one means that a watch was lost for too long',
      labelNames: ['kind'],
      registers,
      collect() {
        this.reset();
        for (const { kind, status } of reflection.status()) this.inc({ kind }, status.lists);
      },
    }),
    gauge(
      'membrane_unplaced_addresses',
      'Addresses of pods and nodes elsewhere that have no room in the ipcache',
      () => book.unplaced,
    ),
    new Gauge({
      name: 'membrane_disbelieved_addresses',
      help: 'Addresses at which a node tells of a pod that is not believed to be there, by reason',
      labelNames: ['reason'],
      registers,
      collect() {
        const reasons = [...elsewhere.disbelieved.values()];
        for (const reason of DISBELIEFS) this.set({ reason }, reasons.filter((one) => one === reason).length);
      },
    }),
    gauge('membrane_identities', 'Identities of pods', () => allocator.identities().length),
    gauge('membrane_policy_refused_identities', 'Identities of this node for which some policy is not in force', () =>
      count(installer, ({ problem }) => problem !== undefined),
    ),
    new Gauge({
      name: 'membrane_policy_closed_policies',
      help: 'Policies of which a rule admits nobody, because it cannot be read or its peers do not fit',
      labelNames: ['reason'],
      registers,
      collect() {
        const kinds = policies.problems.values().toArray().flat();
        for (const reason of ['unreadable', 'no-room'] satisfies PolicyProblem['kind'][]) {
          this.set({ reason }, kinds.filter(({ kind }) => kind === reason).length);
        }
      },
    }),
    gauge(
      'membrane_policy_closed_identities',
      'Identities of this node with a direction that is closed because its table does not fit or is not there yet',
      () => count(installer, ({ inForce }) => inForce === 'closed'),
    ),
    gauge('membrane_policy_building_tables', 'Policy tables that are being made', () => installer.building),
    gauge('membrane_agent_resident_bytes', 'Memory of the agent', () => process.memoryUsage.rss()),
  ];
}

function count(installer: PolicyInstaller, is: (state: DirectionState) => boolean): number {
  return Array.from(installer.entries()).filter(([, { states }]) => Object.values(states).some(is)).length;
}
