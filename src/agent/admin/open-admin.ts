import { metricsServer } from '../../api/index.ts';
import { AdminServer, type NodeProver } from '../../api/server.ts';
import { packageVersion } from '../../base/home.ts';
import type { Service } from '../../base/index.ts';
import { kernelInventory } from '../../datapath/index.ts';
import type { FlowHub } from '../../observe/index.ts';
import { allRefusedPolicies, type Plane } from '../../plane/index.ts';
import type { NodeDevices } from '../devices/index.ts';
import { nodeDoctor } from '../doctor/index.ts';
import type { Endpoints } from '../endpoints/index.ts';
import type { AgentNode } from '../node/index.ts';
import type { Objects } from '../objects/index.ts';
import type { Proofs } from '../proof/index.ts';
import type { NodeServices } from '../services/index.ts';
import type { Upkeep } from '../upkeep/index.ts';
import { Admin, type AdminOptions } from './admin.ts';
import { registerAgentMetrics } from './agent-metrics.ts';
import { type FlowReviews, flowRights } from './flow-rights.ts';
import { footprintView } from './footprint.ts';
import { measureWhatIf } from './footprint-what-if.ts';
import { openHubble } from './hubble.ts';
import { lintView } from './lint.ts';
import { PolicyLog } from './policy-log.ts';

export type AdminParts = {
  readonly plane: Plane;
  readonly devices: NodeDevices;
  readonly endpoints: Endpoints;
  readonly services: NodeServices;
  readonly objects: Objects;
  readonly hub: FlowHub;
  readonly wouldDrops: ReadonlyMap<string, number>;
  readonly stagedVerdicts: ReadonlyMap<string, number>;
  readonly flowExport: AdminOptions['flowExport'];
  readonly upkeep: Upkeep;
  /** What of the ways of this node's own processes to pods of other nodes is not there. */
  readonly ways: () => string | undefined;
  readonly apiServer: URL;
  readonly reviews: FlowReviews;
  readonly proofs: Proofs;
};

/** The servers that tell of this agent. */
export async function openAdmin(node: AgentNode, parts: AdminParts): Promise<Service[]> {
  const { config, kernel, registry, state, clock, log } = node;
  const { plane, endpoints, services, upkeep, hub, objects } = parts;
  const { reflection } = objects;
  const { identities, book, elsewhere, rangeProblems, ownNode } = plane.cluster;
  const { maps, words } = kernel;
  registerAgentMetrics(registry, {
    ...plane,
    maps,
    book,
    elsewhere,
    collection: upkeep.collection,
    hub,
    wouldDrops: parts.wouldDrops,
    stagedVerdicts: parts.stagedVerdicts,
    reflection,
  });
  const version = packageVersion();
  const rights = flowRights(plane, parts.reviews, clock);
  const admin = new Admin({
    ...plane,
    config,
    rights,
    version,
    programConfig: kernel.base,
    identities,
    book,
    elsewhere,
    rangeProblems,
    ownNode,
    ways: parts.ways,
    teller: objects.teller,
    receipt: objects.receipt,
    reflection,
    services: services.services,
    serviceCgroup: () => services.hooks.cgroup,
    hub,
    flowExport: parts.flowExport,
    maps,
    accounts: endpoints.accounts,
    words,
    nodeAddresses: () => kernel.addresses.all,
    closed: endpoints.closed,
    state,
    health: upkeep.health,
    switchover: upkeep.switchover,
    metricsText: () => registry.metrics(),
    footprint: footprintOf(node, parts),
    doctor: doctorOf(node, parts),
    ...parts.proofs,
  });
  const { policies, engine } = plane;
  const policyLog = new PolicyLog({
    takeChanges: policies.followChanges(),
    standing: (keys) => admin.policiesNamed(keys),
    isBusy: () => engine.busy,
    clock,
    log,
  });
  const inventory = async () => ({
    endpoints: await admin.endpoints(),
    services: (await admin.services()).items,
    tenants: admin.tenantsInForce(),
    policies: plane.repository.policyCount,
  });
  const prover: NodeProver = {
    last: () => parts.proofs.watch.last,
    tenants: () => admin.tenantNamespaces(),
    reach: async (from, to) => await admin.verify({ from: `tenant:${from}`, to: `tenant:${to}` }),
    why: async (request, sees) => await admin.why(request, sees),
  };
  return [
    policyLog,
    ...(config.metrics.enabled ? [metricsServer(registry, config.metrics)] : []),
    ...openHubble(node, { plane, hub, rights, reviews: parts.reviews, version, inventory, prover }),
    new AdminServer({ admin, socketPath: config.adminSocket, log }),
  ];
}

/** Of maps that somebody keeps count of anyway. */
function counted({ plane: { installer, ipcache }, upkeep: { collection } }: AdminParts) {
  return {
    policy: installer.rows,
    policy_peers: installer.peers,
    ipcache: ipcache.size,
    conntrack: collection.entries,
  };
}

/** The copies are measured when somebody first asks; what is in the kernel is read each time. */
function footprintOf({ config, kernel: { specs, base, maps, links } }: AgentNode, parts: AdminParts) {
  const used = { ...specs, xdp: config.nodePortAcceleration === 'disabled' ? undefined : specs.xdp };
  let whatIf: ReturnType<typeof measureWhatIf> | undefined;
  return async () => {
    whatIf ??= measureWhatIf(used, base);
    const copies = await whatIf.catch((error: unknown) => {
      whatIf = undefined;
      throw error;
    });
    const devices = new Map((await links.all()).map(({ ifindex, name }) => [ifindex, name]));
    const inventory = kernelInventory(maps, config.pinDir);
    const entries = { ...counted(parts), endpoints: parts.plane.endpoints.size };
    return { ...footprintView(inventory, { devices, entries, maps, cgroup: parts.services.hooks.cgroup }), ...copies };
  };
}

function doctorOf({ config, kernel }: AgentNode, parts: AdminParts) {
  const { plane, devices, services, upkeep, apiServer } = parts;
  const { base, maps, masqueradePorts } = kernel;
  const { endpoints, intent, policies, installer, repository, cluster, floor } = plane;
  return nodeDoctor({
    config,
    base,
    devices,
    maps,
    endpoints,
    intent,
    policies,
    lint: () =>
      lintView({}, { intent, elsewhere: cluster.elsewhere, repository, floor, cluster: config.clusterName }).findings,
    refusedPolicies: () => allRefusedPolicies(installer, repository),
    serviceCgroup: () => services.hooks.cgroup,
    datapath: () => upkeep.health.problems(),
    proof: () => parts.proofs.watch.standing,
    flowExport: parts.flowExport,
    apiServer,
    mayForge: async (name) => await parts.objects.slices.mayWrite(name),
    masqueradePorts,
    refusedServices: () => plane.services?.engine.refused,
    counted: () => counted(parts),
  });
}
