import { namespacedName, type Service } from '../../base/index.ts';
import { Histogram } from '../../base/metrics.ts';
import {
  EndpointAccounts,
  netnsCookie,
  netnsEndpointsMap,
  SocketAccounts,
  sockAccountsMap,
} from '../../datapath/index.ts';
import type { Plane } from '../../plane/index.ts';
import { type AgentNode, podMtu } from '../node/index.ts';
import type { Tally } from '../tally/index.ts';
import { Addressing } from './addressing.ts';
import { Attachments } from './attachments.ts';
import { BrokenEndpoints } from './broken-endpoints.ts';
import { ClosedEndpoints } from './closed-endpoints.ts';
import { CniServer } from './cni-server.ts';
import { DeferredDeletes } from './deferred-deletes.ts';
import { EndpointPrograms } from './endpoint-programs.ts';
import { GoneAttachments } from './gone-attachments.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { PodNamespaces } from './pod-namespaces.ts';
import { restoreEndpoints } from './restorer.ts';

/** How long ADD waits for the endpoint to open. */
const OPEN_WITHIN_MS = 1_000;

export type Endpoints = {
  readonly addressing: Addressing;
  readonly programs: EndpointPrograms;
  readonly closed: ClosedEndpoints;
  readonly broken: BrokenEndpoints;
  readonly accounts: EndpointAccounts;
  /** What an earlier life left, by what became of it. */
  readonly restored: ReadonlyMap<string, number>;
  /** Those that bring and take pods: to be started when everything else is. */
  readonly servers: readonly Service[];
};

/** Takes over the pods of an earlier life; those that come are waited for by `servers`. */
export async function openEndpoints(node: AgentNode, plane: Plane, tally: Tally): Promise<Endpoints> {
  const { config, kernel, state, clock, log } = node;
  const { netdev, maps, base, words, running, specs, generation } = kernel;
  const { intent, endpoints, local, problems } = plane;
  const namespaces = await openNamespaces(node);
  const addressing = new Addressing(state, config.podCIDR);
  const programs = new EndpointPrograms({ ...specs, maps, running, base, pinDir: config.pinDir });
  // First: programs of endpoints call them as soon as they are attached.
  programs.installShared();
  programs.prepare();
  if (!generation.isRebuilt) generation.begin();
  const closed = new ClosedEndpoints({ netdev, programs, state, addressing, clock, log });
  const broken = new BrokenEndpoints({ endpoints, programs, words, netdev, problems, log });
  const restored = await restoreEndpoints({
    addressing,
    endpoints,
    programs,
    netdev,
    words,
    local,
    namespaces,
    state,
    closed,
    broken,
    mayReplace: kernel.mayReplace(),
    beforeSwap: async () => await generation.catchUp(),
    log,
  });
  const accounts = new EndpointAccounts(maps, { events: config.enableEvents });
  await accounts.prune(new Set(endpoints.values().map(({ record }) => record.id)));
  await tally.namespaces.begin();
  namespaces.prune((id) => endpoints.get(id) !== undefined);
  if (config.podCIDR === undefined) {
    intent.nodes.changed.listen(() =>
      addressing.followNode(intent.nodes.get(namespacedName({ name: config.nodeName }))?.podCIDRs ?? [], log),
    );
  }
  const attachments = new Attachments({
    addressing,
    endpoints,
    programs,
    netdev,
    words,
    accounts: {
      forget(id) {
        tally.retire(id);
        accounts.forget(id);
      },
    },
    local,
    namespaces,
    state,
    mtu: podMtu(config, kernel.uplink),
    changed: plane.endpointsChanged,
    openWithinMs: OPEN_WITHIN_MS,
    clock,
    log,
  });
  const servers = serversOf(node, plane, attachments);
  return { addressing, programs, closed, broken, accounts, restored, servers };
}

async function openNamespaces({ config, kernel: { maps, base }, log }: AgentNode): Promise<PodNamespaces> {
  const accounts = config.enableServices ? new SocketAccounts(sockAccountsMap(maps)) : undefined;
  accounts?.prepare(BigInt(base.nodeCookie));
  const map = config.enableServices ? netnsEndpointsMap(maps) : undefined;
  const namespaces = new PodNamespaces({ accounts, map, cookieOf: netnsCookie, log });
  await namespaces.load();
  return namespaces;
}

function serversOf(
  { config, kernel, registry, clock, log }: AgentNode,
  { endpoints }: Plane,
  attachments: Attachments,
): Service[] {
  const queue = new KeyedQueue();
  return [
    new GoneAttachments({
      endpoints,
      netdev: kernel.netdev,
      queue,
      remove: (record) => attachments.remove(record),
      clock,
      log,
    }),
    new CniServer({
      path: config.cniSocket,
      handle: (request) => attachments.handle(request),
      queue,
      times: new Histogram({
        name: 'membrane_cni_request_seconds',
        help: 'From the request of the runtime to the answer, by command and result; ADD connects a pod',
        labelNames: ['command', 'result'],
        buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
        registers: [registry],
      }),
      deferred: new DeferredDeletes({ cniSocket: config.cniSocket, log }),
      clock,
      log,
    }),
  ];
}
