/** One node's engine on maps in memory: everything of the agent that decides, without a kernel and without an API server. */
import { FakeClock, silentLogger } from '../base/index.ts';
import { Cluster, Intent, ObjectProblems, prefixLimits } from '../cluster/index.ts';
import {
  type EndpointWord,
  endpointsCodecs,
  FakeMap,
  fakePolicyMaps,
  ipcacheCodecs,
  isOutside,
  MAP_SPECS,
  PolicyTables,
  WordArray,
} from '../datapath/index.ts';
import { type EndpointRecord, hostIfnameOf, podMacOf } from '../endpoint/index.ts';
import { CidrIdentities, IdentityAllocator } from '../identity/index.ts';
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
import { PolicyRepository } from '../policy/index.ts';
import type { Table } from '../table/index.ts';
import { EndpointTable } from './endpoint-table.ts';
import { Engine } from './engine.ts';
import { IpcacheReconciler } from './ipcache-reconciler.ts';
import { LocalAddresses } from './local-addresses.ts';
import { OutsideWords } from './outside-words.ts';
import { PolicyFollower } from './policy-follower.ts';
import { PolicyInstaller } from './policy-installer.ts';
import type { PolicyLimits } from './policy-limits.ts';

export const FAKE_NODE = 'node-1';

/** What outlives an agent: maps, words, and the numbering on disk. */
export class FakeKernel {
  readonly endpoints = new FakeMap(MAP_SPECS.endpoints, endpointsCodecs);
  readonly ipcache = new FakeMap(MAP_SPECS.ipcache, ipcacheCodecs);
  readonly policy: ReturnType<typeof fakePolicyMaps>;
  readonly words = new WatchedWords();
  numbers: unknown;
  prefixes: Record<string, number> = {};

  constructor(policyRows = 4096) {
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

export async function fakeNode(
  kernel = new FakeKernel(),
  options: { clock?: FakeClock; limits?: PolicyLimits; numbers?: number } = {},
) {
  const { clock = new FakeClock(1_000_000), limits = LIMITS, numbers = 65_280 } = options;
  const allocator = new IdentityAllocator({ clock, range: { first: 256, last: 255 + numbers } });
  if (kernel.numbers !== undefined) allocator.restore(kernel.numbers);
  const cidrs = new CidrIdentities({ remembered: kernel.prefixes });
  const repository = new PolicyRepository({ cidrs });
  const tables = new PolicyTables(kernel.policy);
  const leftovers = await tables.load();
  const installer = new PolicyInstaller({
    tables,
    repository,
    limits,
    leftovers,
    next: Math.max(0, ...kernel.words.entries().map(([, { revision }]) => revision)) + 1,
    onBuilt: () => engine.kick(),
    onFailed: (error) => engine.failed(error),
  });
  const intent = new Intent();
  const prefixes = prefixLimits({ ipcache: kernel.ipcache.spec.maxEntries, table: limits.table });
  const policies = new PolicyFollower({
    intent: intent.policies,
    repository,
    limits: prefixes,
    selectors: limits.selectors,
    log: silentLogger,
  });
  const local = new LocalAddresses(kernel.endpoints);
  const ipcache = new IpcacheReconciler(kernel.ipcache);
  await local.load();
  await ipcache.load();
  const cluster = new Cluster({
    intent,
    allocator,
    repository,
    problems: new ObjectProblems(),
    nodeName: FAKE_NODE,
    clusterName: 'default',
    cidrSelects: ['pods', 'nodes'],
    maxAddresses: prefixes.addresses,
    remembered: ipcache.podRanges,
    log: silentLogger,
  });
  const { identities, book, ranges } = cluster;
  const outsideWords = new OutsideWords({ words: kernel.words, freshRevision: () => installer.freshRevision() });
  const endpoints = new EndpointTable();
  const engine: Engine = new Engine({
    cluster,
    endpoints,
    allocator,
    repository,
    policies,
    installer,
    ipcache,
    local,
    words: kernel.words,
    outside: outsideWords,
    nodeAddresses: () => [parseAddr('172.18.0.2')],
    saveNumbers: () => {
      kernel.numbers = allocator.snapshot();
      kernel.prefixes = cidrs.snapshot();
    },
    saveEndpoint: () => undefined,
    clock,
    log: silentLogger,
  });

  await installer.start(clock.now());
  outsideWords.open();
  const settle = async (): Promise<void> => {
    engine.kick();
    await engine.idle();
  };
  const put = <T extends ObjectRow, K extends string>(table: Table<T, K>, ...rows: T[]): void =>
    table.apply({ upserts: rows, deletes: [], synced: true });
  const drop = <T extends ObjectRow, K extends string>(table: Table<T, K>, ...rows: T[]): void =>
    table.apply({ upserts: [], deletes: rows, synced: true });
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
    intent,
    identities,
    book,
    policies,
    ranges,
    endpoints,
    engine,
    tables,
    settle,
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
      [intent.pods, intent.namespaces, intent.nodes, intent.policies].forEach((table) => {
        table.apply({ upserts: [], deletes: [], synced: true });
      }),
  };
}

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
