import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AdminServer, metricsServer } from '../api/index.ts';
import { type Lifecycle, type Logger, systemClock } from '../base/index.ts';
import { createRegistry } from '../base/metrics.ts';
import {
  BPFFS,
  ConntrackCollector,
  EndpointAccounts,
  endpointsMap,
  endStaleSockets,
  ensureBpffs,
  Generation,
  ipcacheMap,
  KernelEndpointWords,
  Netdev,
  netnsCookie,
  netnsEndpointsMap,
  noPolicyMaps,
  policyMaps,
  RunningPrograms,
  readObjectSpec,
  requireFeatures,
  SocketAccounts,
  SocketRows,
  serviceMaps,
  sockAccountsMap,
} from '../datapath/index.ts';
import { inClusterConnection, KubeClient, loadKubeconfig, readServiceRanges } from '../kube/index.ts';
import { FlowHub } from '../observe/index.ts';
import { allRefusedPolicies, openPlane } from '../plane/index.ts';
import { Admin, measureFootprint, passHistogram, registerAgentMetrics } from './admin/index.ts';
import { pinsBelow, preflight, removeNewPins } from './boot/index.ts';
import { DevicePrograms, NodeDevices } from './devices/index.ts';
import { LoopbackWatch, nodeDoctor, routeLocalnetDevices } from './doctor/index.ts';
import {
  Addressing,
  Attachments,
  BrokenEndpoints,
  ClosedEndpoints,
  CniServer,
  DeferredDeletes,
  EndpointPrograms,
  GoneAttachments,
  KeyedQueue,
  PodNamespaces,
  restoreEndpoints,
} from './endpoints/index.ts';
import { Flows } from './flows/index.ts';
import {
  type AgentConfig,
  findUplink,
  mapSizes,
  Numbers,
  nodeAddresses,
  nodeConfig,
  reservedNumbers,
  reserveMasqueradePorts,
  StateFiles,
  UNRESERVED_PORTS,
} from './node/index.ts';
import { ObjectEvents, Reflection, ServiceRanges } from './objects/index.ts';
import { openServices, ServiceHooks, servicesOfNode } from './services/index.ts';
import { Collection, DatapathHealth, Switchover } from './upkeep/index.ts';

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url));

/**
 * Starts an agent, or leaves the node as it was. When this rejects, the lifecycle's owner stops what was started.
 */
export async function startAgent(config: AgentConfig, lifecycle: Lifecycle, log: Logger) {
  await preflight(config);
  const before = pinsBelow(config.pinDir);
  try {
    return await wireAgent(config, lifecycle, log);
  } catch (error) {
    removeNewPins(config.pinDir, before);
    throw error;
  }
}

/** Everything of one agent, wired by hand and started in order: kernel, maps, what an earlier life left, API, sockets. */
async function wireAgent(config: AgentConfig, lifecycle: Lifecycle, log: Logger) {
  const clock = systemClock;
  const pinRoot = config.pinDir.startsWith(`${BPFFS}/`) ? BPFFS : config.pinDir;
  ensureBpffs(pinRoot);
  requireFeatures(pinRoot);
  const state = new StateFiles(config.stateDir);
  const connection = config.kubeconfig === undefined ? inClusterConnection() : loadKubeconfig(config.kubeconfig);

  const netdev = Netdev.open();
  const uplink = await findUplink(netdev, config.uplink);
  const masquerades = config.enableMasquerade || config.enableServices;
  const masqueradePorts = masquerades ? reserveMasqueradePorts(log) : undefined;
  const base = nodeConfig(config, uplink, masqueradePorts ?? UNRESERVED_PORTS);
  const generation = await Generation.open({ pinDir: config.pinDir, sizes: mapSizes(config.maps), config: base });
  const { maps } = generation;
  /** Programs of an earlier life go on with its maps until the new ones hold what the API says. */
  const mayReplace = (): boolean => generation.isComplete;
  const words = KernelEndpointWords.of(maps.get('endpoint_words'));
  const specs = {
    endpoint: readObjectSpec(`${BUILD}endpoint.bpf.o`),
    judge: readObjectSpec(`${BUILD}judge.bpf.o`),
    host: readObjectSpec(`${BUILD}host.bpf.o`),
    sock: readObjectSpec(`${BUILD}sock.bpf.o`),
    xdp: readObjectSpec(`${BUILD}xdp.bpf.o`),
  };
  const running = new RunningPrograms({ maps, base });
  // All are loaded once before any is attached: what the kernel refuses must cost nobody anything.
  const { endpoint, judge, host, sock, xdp } = specs;
  const accelerates = config.enableServices && config.nodePortAcceleration !== 'disabled';
  const used = [endpoint, judge, host, ...(config.enableServices ? [sock] : []), ...(accelerates ? [xdp] : [])];
  for (const spec of used) running.learn(spec);
  const programs = new EndpointPrograms({ ...specs, maps, running, base, pinDir: config.pinDir });
  const devices = new NodeDevices({
    netdev,
    programs: new DevicePrograms({
      ...specs,
      maps,
      running,
      base,
      pinDir: config.pinDir,
      acceleration: config.nodePortAcceleration,
      log,
    }),
    mayReplace,
    uplink: uplink.ifindex,
    configured: config.devices,
    clock,
    log,
  });

  const socketAccounts = config.enableServices ? new SocketAccounts(sockAccountsMap(maps)) : undefined;
  socketAccounts?.prepare(BigInt(base.nodeCookie));
  const namespaces = new PodNamespaces({
    accounts: socketAccounts,
    map: config.enableServices ? netnsEndpointsMap(maps) : undefined,
    cookieOf: netnsCookie,
    log,
  });
  await namespaces.load();
  const numbers = new Numbers(config.stateDir);
  const { allocator, cidrs } = numbers.restore({
    grace: config.identity.grace * 1000,
    namespaceShare: config.identity.namespaceShare / 100,
    log,
  });
  if (!numbers.trusted) {
    // Without the numbering nobody can say what the words and tables of an earlier life mean.
    for (const [id] of words.entries()) words.clear(id);
  }
  const registry = createRegistry();
  const plane = await openPlane({
    nodeName: config.nodeName,
    clusterName: config.clusterName,
    nodeAddresses,
    maps: {
      endpoints: endpointsMap(maps),
      ipcache: ipcacheMap(maps),
      policy: base.enablePolicy ? policyMaps(maps) : noPolicyMaps(),
      words,
    },
    ipcacheRows: maps.spec('ipcache').maxEntries,
    numbering: {
      allocator,
      cidrs,
      save: () => numbers.save(allocator, cidrs),
      revisions: reservedNumbers(state, 'policy-revisions'),
    },
    policy: { enforcement: config.policyEnforcement, allowLocalhost: config.allowLocalhost },
    limits: config.policyLimits,
    cidrSelects: config.cidrSelects,
    labelRules: config.identity.labelFilter,
    podCIDR: config.podCIDR,
    saveEndpoint: (record) => state.putEndpoint(record),
    passTimes: passHistogram(registry),
    serviceRanges: config.enableServices ? config.serviceCIDRs : [],
    services: config.enableServices ? servicesOfNode({ config, maps: serviceMaps(maps), state, registry }) : undefined,
    clock,
    log,
  });
  const { intent, endpoints, problems, cluster, repository, policies, installer, local, ipcache, engine } = plane;
  const { identities, book } = cluster;
  const addressing = new Addressing(state, config.podCIDR);
  // First: programs of endpoints call them as soon as they are attached.
  programs.installShared();
  if (!generation.isRebuilt) generation.begin();
  const closed = new ClosedEndpoints({ netdev, programs, state, addressing, clock, log });
  const client = new KubeClient(connection);
  const events = new ObjectEvents({ client, problems, node: config.nodeName, clock, log });
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
    mayReplace: mayReplace(),
    beforeSwap: async () => await generation.catchUp(),
    log,
  });
  const accounts = new EndpointAccounts(maps, { events: config.enableEvents });
  await accounts.prune(new Set(endpoints.values().map(({ record }) => record.id)));
  namespaces.prune((id) => endpoints.get(id) !== undefined);
  await devices.look();
  const sockets = new ServiceHooks({
    spec: specs.sock,
    maps,
    config: base,
    cgroup: config.cgroup,
    pinDir: config.pinDir,
    running,
    mayReplace,
    clock,
    log,
  });

  const socketRows = config.enableServices
    ? SocketRows.load(readObjectSpec(`${BUILD}sockets.bpf.o`), maps, base)
    : undefined;
  const services =
    plane.services === undefined || socketRows === undefined
      ? undefined
      : openServices({
          plane,
          services: plane.services,
          endStale: (lives) => {
            const namespaces = endpoints.values().map(({ record }) => record.netns);
            return endStaleSockets({ maps, rows: socketRows, namespaces, lives });
          },
          registry,
          clock,
          log,
        });
  const reflection = new Reflection({
    client,
    intent,
    log,
    services: config.enableServices,
    watchSeconds: config.watchSeconds,
  });
  if (config.podCIDR === undefined) {
    intent.nodes.changed.listen(() => addressing.followNode(intent.nodes.get(config.nodeName)?.podCIDRs ?? [], log));
  }
  const serviceRanges = intent.serviceRanges.synced
    ? undefined
    : new ServiceRanges({
        read: async (signal) => await readServiceRanges(client, signal),
        ranges: intent.serviceRanges,
        clock,
        log,
      });
  const attachments = new Attachments({
    addressing,
    endpoints,
    programs,
    netdev,
    words,
    accounts,
    local,
    namespaces,
    state,
    mtu: config.mtu ?? uplink.mtu,
    changed: plane.endpointsChanged,
    openWithinMs: 1_000,
    clock,
    log,
  });
  const flows = config.enableEvents
    ? new Flows({ maps, node: config.nodeName, buffer: config.flowBuffer, endpoints, repository, book, words })
    : undefined;
  const collection = new Collection({
    collector: ConntrackCollector.load(readObjectSpec(`${BUILD}conntrack.bpf.o`), maps, base),
    sockets: socketRows,
    capacity: maps.spec('conntrack').maxEntries,
    intervalMs: config.ctGcInterval * 1000,
    clock,
    log,
  });
  collection.collected.listen(() => addressing.collected(clock.now()));

  const cniQueue = new KeyedQueue();
  const hub = flows?.hub ?? new FlowHub({ storeSize: 16 });
  registerAgentMetrics(registry, {
    maps,
    endpoints,
    allocator,
    installer,
    policies,
    book,
    ipcache,
    collection,
    hub,
    reflection,
  });
  const switchover = new Switchover({
    generation,
    endpoints,
    programs,
    devices,
    attachSockets: async () => await sockets.attach(),
    broken,
    isWritten: () =>
      engine.converged && installer.building === 0 && (services === undefined || services.engine.converged),
    clock,
    log,
  });
  const health = new DatapathHealth({
    generation,
    endpoints,
    programs,
    devices,
    sockets,
    broken,
    changed: plane.endpointsChanged,
    registry,
    clock,
    log,
  });
  const admin = new Admin({
    config,
    version: await packageVersion(),
    programConfig: base,
    intent,
    endpoints,
    identities,
    allocator,
    repository,
    book,
    policies,
    installer,
    engine,
    reflection,
    services,
    serviceCgroup: () => sockets.cgroup,
    hub,
    maps,
    accounts,
    words,
    nodeAddresses,
    closed,
    state,
    health,
    switchover,
    metricsText: () => registry.metrics(),
    footprint: () =>
      measureFootprint(
        { ...specs, xdp: config.nodePortAcceleration === 'disabled' ? undefined : specs.xdp },
        base,
        maps,
        {
          policy: installer.rows,
          policy_peers: installer.peers,
          ipcache: ipcache.size,
          conntrack: collection.entries,
          endpoints: endpoints.size,
        },
      ),
    doctor: nodeDoctor({
      config,
      base,
      devices,
      maps,
      endpoints,
      intent,
      policies,
      refusedPolicies: () => allRefusedPolicies(installer, repository),
      serviceCgroup: () => sockets.cgroup,
      datapath: () => health.problems(),
      apiServer: connection.server,
      masqueradePorts,
      refusedServices: () => services?.engine.refused,
      counted: () => ({
        policy: installer.rows,
        policy_peers: installer.peers,
        ipcache: ipcache.size,
        conntrack: collection.entries,
      }),
    }),
  });

  await lifecycle.start(
    {
      start: async () => undefined,
      stop: async () => [words, netdev, generation, numbers].forEach((open) => open.close()),
    },
    sockets,
    engine,
    devices,
    closed,
    switchover,
    health,
    ...(services === undefined ? [] : [services.health, services.sockets, services.engine]),
    events,
    reflection,
    ...(serviceRanges === undefined ? [] : [serviceRanges]),
    ...(flows === undefined ? [] : [flows]),
    collection,
    new LoopbackWatch({ look: routeLocalnetDevices, registry, clock, log }),
    ...(config.metrics.enabled ? [metricsServer(registry, config.metrics)] : []),
    new GoneAttachments({
      endpoints,
      netdev,
      queue: cniQueue,
      remove: (record) => attachments.remove(record),
      clock,
      log,
    }),
    new CniServer({
      path: config.cniSocket,
      handle: (request) => attachments.handle(request),
      queue: cniQueue,
      deferred: new DeferredDeletes({ cniSocket: config.cniSocket, log }),
      clock,
      log,
    }),
    // The last: who asks it whether the agent is ready must find the other sockets open.
    new AdminServer({ admin, socketPath: config.adminSocket, log }),
  );
  log.info({ node: config.nodeName, uplink: uplink.name, restored: Object.fromEntries(restored) }, 'agent serves');
  return { engine, endpoints, intent };
}

async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
