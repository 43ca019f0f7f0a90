import type { Lifecycle, Logger } from '../base/index.ts';
import { findConnection, KubeClient, NodeProofObjects, Reviews } from '../kube/index.ts';
import { openAdmin, tenantRefusals } from './admin/index.ts';
import { pinsBelow, preflight, removeNewPins } from './boot/index.ts';
import { openDevices } from './devices/index.ts';
import { loopbackWatch } from './doctor/index.ts';
import { openEndpoints } from './endpoints/index.ts';
import { openExport } from './export/index.ts';
import { openFlows } from './flows/index.ts';
import { type AgentConfig, nodeService, openNode, programsLearnt } from './node/index.ts';
import { openIdentities, openObjects } from './objects/index.ts';
import { openOverlay } from './overlay/index.ts';
import { openNodePlane } from './plane.ts';
import { openProof } from './proof/index.ts';
import { openServices } from './services/index.ts';
import { openTally } from './tally/index.ts';
import { openUpkeep } from './upkeep/index.ts';

/**
 * Starts an agent, or leaves the node as it was. When this rejects, the lifecycle's owner stops what was started.
 */
export async function startAgent(config: AgentConfig, lifecycle: Lifecycle, log: Logger): Promise<void> {
  await preflight(config);
  const before = pinsBelow(config.pinDir);
  try {
    await wireAgent(config, lifecycle, log);
  } catch (error) {
    removeNewPins(config.pinDir, before);
    throw error;
  }
}

/** One agent, wired by hand and started in order: kernel, plane, what an earlier life left, the API, sockets. */
async function wireAgent(config: AgentConfig, lifecycle: Lifecycle, log: Logger): Promise<void> {
  const connection = findConnection(config);
  const node = await openNode(config, log);
  const devices = openDevices(node);
  const client = new KubeClient(connection);
  const identities = openIdentities(node, client);
  const plane = await openNodePlane(node, identities.numbers);
  const tally = openTally(node, plane);
  const endpoints = await openEndpoints(node, plane, tally);
  await devices.look();
  const overlay = openOverlay(node, plane, devices);
  const services = openServices(node, plane);
  const objects = openObjects(node, { plane, identities, client, namespace: connection.namespace });
  const flows = openFlows(node, plane, tally.policies);
  const upkeep = openUpkeep(node, { plane, devices, endpoints, services });
  const { hub, wouldDrops, stagedVerdicts } = flows;
  const flowExport = await openExport(node, hub);
  const ways = (): string | undefined => overlay.paths?.problem;
  const reviews = new Reviews(client);
  const apiServer = connection.server;
  const proofs = openProof(node, {
    plane,
    configOf: (record) => endpoints.programs.configOf(record),
    store: new NodeProofObjects(client),
    limited: tenantRefusals(node.kernel.maps, plane, endpoints.accounts),
  });
  const admin = await openAdmin(node, {
    plane,
    devices,
    endpoints,
    services,
    objects,
    hub,
    flowExport: flowExport.standing,
    wouldDrops,
    stagedVerdicts,
    upkeep,
    ways,
    apiServer,
    reviews: {
      mayAccess: async (subject, question, signal) => await reviews.mayAccess(subject, question, signal),
      ofToken: async (token) => await reviews.ofToken(token),
    },
    proofs,
  });

  await lifecycle.start(
    nodeService(node),
    services.hooks,
    plane.engine,
    devices,
    ...overlay.services,
    endpoints.closed,
    upkeep.switchover,
    upkeep.health,
    upkeep.startGarbage,
    ...services.servers,
    ...objects.servers,
    ...flows.servers,
    ...flowExport.services,
    upkeep.collection,
    proofs.watch,
    loopbackWatch(node),
    ...endpoints.servers,
    programsLearnt(node),
    // The last: who asks it whether the agent is ready must find the other sockets open.
    ...admin,
  );
  const restored = Object.fromEntries(endpoints.restored);
  log.info({ node: config.nodeName, uplink: node.kernel.uplink.name, restored }, 'agent serves');
}
