/** One node's engine on maps in memory: everything of the agent that decides, without a kernel and without an API server. */

import { type Clock, type NamespacedName, namespacedName, silentLogger } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { OtherNodes } from '../cluster/others-testkit.ts';
import { type EndpointWord, isOutside, MAP_SPECS, PolicyTables } from '../datapath/index.ts';
import { WordArray } from '../datapath/maps/endpoint-words.ts';
import { tenantAccountsCodecs } from '../datapath/maps/tenant-accounts-map.ts';
import { TenantRows } from '../datapath/maps/tenant-rows.ts';
import { tenantSharesCodecs } from '../datapath/maps/tenant-shares-map.ts';
import { tenantWorldCodecs } from '../datapath/maps/tenant-world-map.ts';
import { endpointsCodecs, FakeMap, fakePolicyMaps, ipcacheCodecs } from '../datapath/maps/testkit.ts';
import { type EndpointRecord, hostIfnameOf, podMacOf } from '../endpoint/index.ts';
import { CidrIdentities, type IdentityRange } from '../identity/index.ts';
import { NumberedCluster } from '../identity/numbers-testkit.ts';
import {
  type Direction,
  EMPTY_TABLE,
  type EndpointId,
  endpointId,
  ifindex,
  type ObjectRow,
  type PodRow,
  type PolicyTable,
  policyRevision,
} from '../model/index.ts';
import { type Addr, parseAddr } from '../net/index.ts';
import type { Table, TableBatch } from '../table/index.ts';
import { openPlane, type Plane, type PlaneOptions } from './plane.ts';
import type { PolicyLimits } from './policies/policy-limits.ts';

export const FAKE_NODE = 'node-1';

/** What outlives an agent: maps, words, the numbering on disk, and the objects that say what numbers mean. */
export class FakeKernel {
  readonly endpoints = new FakeMap(MAP_SPECS.endpoints, endpointsCodecs);
  readonly ipcache = new FakeMap(MAP_SPECS.ipcache, ipcacheCodecs);
  readonly policy: ReturnType<typeof fakePolicyMaps>;
  readonly words = new WatchedWords();
  readonly tenants: TenantRows;
  readonly tenantAccounts = new FakeMap(MAP_SPECS.tenant_accounts, tenantAccountsCodecs);
  readonly tenantShares = new FakeMap(MAP_SPECS.tenant_shares, tenantSharesCodecs);
  readonly tenantWorld = new FakeMap(MAP_SPECS.tenant_world, tenantWorldCodecs);
  numbers: unknown;
  /** Policy revisions below may have been given out. */
  revisions = 1;
  prefixes: Record<string, number> = {};

  readonly cluster: NumberedCluster;

  constructor(policyRows = 4096, numbers?: IdentityRange) {
    this.cluster = new NumberedCluster(numbers);
    // To look through all of them is much of what a world in memory costs.
    this.tenants = numbers === undefined ? new TenantRows() : new TenantRows(new BigUint64Array(numbers.last + 1));
    this.policy = fakePolicyMaps({ policy: policyRows, policy_peers: policyRows });
  }
}

/** Lets a test look at everything at the moment of a store. */
export class WatchedWords extends WordArray {
  onSet: (endpoint: EndpointId, word: EndpointWord) => void = () => undefined;

  override set(endpoint: EndpointId, word: EndpointWord): void {
    this.onSet(endpoint, word);
    super.set(endpoint, word);
  }
}

export const LIMITS: PolicyLimits = { table: 65_536, namespace: 131_072, selectors: 4_096 };

export type FakeNodeOptions = { readonly limits?: PolicyLimits };

/** A plane that has this in place of a kernel and a disk. */
export function fakePlaneOptions(kernel: FakeKernel, clock: Clock, options: FakeNodeOptions = {}) {
  const { limits = LIMITS } = options;
  const allocator = kernel.cluster.join(FAKE_NODE, clock);
  if (kernel.numbers !== undefined) allocator.restore(kernel.numbers);
  const cidrs = new CidrIdentities({ remembered: kernel.prefixes });
  return {
    nodeName: FAKE_NODE,
    clusterName: 'default',
    nodeAddresses: () => [parseAddr('172.18.0.2')],
    maps: kernel,
    ipcacheRows: kernel.ipcache.spec.maxEntries,
    numbering: {
      allocator,
      cidrs,
      revisions: {
        next: kernel.revisions,
        reserve: (below) => {
          kernel.revisions = below;
        },
      },
      save: () => {
        kernel.numbers = allocator.snapshot();
        kernel.prefixes = cidrs.snapshot();
      },
    },
    limits,
    tenancy: {
      unassigned: 'Open',
      systemNamespaces: ['kube-system'],
      systemServices: { dns: namespacedName({ namespace: 'kube-system', name: 'kube-dns' }) },
    },
    cidrSelects: ['pods', 'nodes'],
    saveEndpoint: () => undefined,
    serviceRanges: [],
    services: undefined,
    clock,
    log: silentLogger,
  } satisfies PlaneOptions;
}

export async function fakeNode(
  kernel = new FakeKernel(),
  { clock = new FakeClock(1_000_000), ...more }: FakeNodeOptions & { readonly clock?: FakeClock } = {},
) {
  const options = fakePlaneOptions(kernel, clock, more);
  const { allocator, cidrs } = options.numbering;
  const plane = await openPlane(options);
  const { intent, endpoints, cluster, repository, policies, installer, floor, shares, worlds, engine, prover } = plane;
  const { identities, book, elsewhere } = cluster;

  // Most have none.
  intent.tenants.apply({ upserts: [], deletes: [], synced: true });
  await engine.open();
  const others = new OtherNodes({
    intent,
    allocator: kernel.cluster.join('others', clock),
    selected: plane.repository.selectedLabels,
  });
  const settle = async (): Promise<void> => await settlePlane(kernel, plane, others);
  // This node's agent is shown its own pods only; of the others it is told by their nodes.
  const apply = <T extends ObjectRow, K extends string>(
    table: Table<T, K>,
    rows: readonly T[],
    isThere: boolean,
  ): void => {
    const isOthers = (row: T): boolean => is(table, intent.pods) && isElsewhere(row as unknown as PodRow);
    const batch = (of: readonly T[]) => ({ upserts: isThere ? of : [], deletes: isThere ? [] : of, synced: true });
    others.pods.apply(batch(rows.filter(isOthers)) as unknown as TableBatch<PodRow>);
    table.apply(batch(rows.filter((row) => !isOthers(row))));
  };
  const put = <T extends ObjectRow, K extends string>(table: Table<T, K>, ...rows: T[]): void =>
    apply(table, rows, true);
  const drop = <T extends ObjectRow, K extends string>(table: Table<T, K>, ...rows: T[]): void =>
    apply(table, rows, false);
  /** An endpoint as a finished ADD leaves it; `addr` by id. */
  const connect = (id: number, pod: PodRow, uid: string | undefined = pod.uid): EndpointRecord => {
    const record = recordOf(id, pod, uid);
    endpoints.add(record, 'creating');
    endpoints.transition(record.id, { type: 'connected' });
    return record;
  };
  const word = (id: number): EndpointWord | undefined => kernel.words.get(endpointId(id));
  const outside = (): [EndpointId, EndpointWord][] => kernel.words.entries().filter(([id]) => isOutside(id));
  const revisions = async (): Promise<number[]> => (await kernel.policy.revisions.entries()).map(([key]) => key);
  /** What the kernel holds for an endpoint in a direction. */
  const tableOf = async (id: number, direction: Direction): Promise<PolicyTable | undefined> => {
    const pair = kernel.policy.revisions.get(word(id)?.revision ?? policyRevision(0));
    const number = pair?.[direction === 'ingress' ? 0 : 1];
    if (number === undefined) return undefined;
    return (await new PolicyTables(kernel.policy).load()).tables.get(number) ?? EMPTY_TABLE;
  };
  return {
    kernel,
    clock,
    allocator,
    cidrs,
    repository,
    installer,
    floor,
    shares,
    worlds,
    intent,
    identities,
    book,
    elsewhere,
    /** Of a pod of whatever node. */
    identityOf: (pod: NamespacedName) => identities.get(pod) ?? others.identityOf(pod),
    policies,
    endpoints,
    engine,
    prover,
    settle,
    others,
    put,
    drop,
    connect,
    word,
    /** The words of what is outside. */
    outside,
    revisions,
    tableOf,
    /** All kinds have been listed once. */
    sync: () =>
      [intent.pods, intent.namespaces, intent.nodes, intent.nodeSlices, intent.tenants, intent.policies].forEach(
        (table) => {
          table.apply({ upserts: [], deletes: [], synced: true });
        },
      ),
  };
}

/** Until neither the node nor the others nor who gives the numbers has anything left to do. */
export async function settlePlane({ cluster }: FakeKernel, plane: Plane, others: OtherNodes): Promise<void> {
  const { engine, floor } = plane;
  do {
    engine.kick();
    await engine.idle();
    others.follow(floor.membership);
    await engine.idle();
  } while (await cluster.settle());
}

const is = (table: unknown, other: unknown): boolean => table === other;
const isElsewhere = ({ nodeName }: PodRow): boolean => nodeName !== FAKE_NODE && nodeName !== '';

export function recordOf(id: number, pod: PodRow, uid: string | undefined = pod.uid): EndpointRecord {
  const addr: Addr = parseAddr(`10.244.1.${id}`);
  return {
    id: endpointId(id),
    attachment: { containerId: `c${id}`, ifname: 'eth0' },
    pod: { namespace: pod.namespace, name: pod.name, uid },
    netns: `/run/netns/p${id}`,
    addr,
    mac: podMacOf(addr),
    hostIfname: hostIfnameOf(endpointId(id)),
    hostIfindex: ifindex(100 + id),
    mtu: 1500,
    phase: 'complete',
    createdAt: 0,
  };
}
