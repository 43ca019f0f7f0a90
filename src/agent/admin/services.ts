import type { ServiceList, ServiceView } from '../../api/index.ts';
import { type NamespacedName, namespacedName } from '../../base/index.ts';
import type { Intent } from '../../cluster/index.ts';
import { type Backend, type Frontend, frontendKey, type ServiceSpec } from '../../model/index.ts';
import type { HostPortPod } from '../../service/index.ts';
import type { Services } from '../services/index.ts';

/** Of one service; more are counted. */
const MAX_BACKENDS = 100;

export function serviceList(intent: Intent, services: Services, cgroup: string | undefined): ServiceList {
  return {
    enabled: true,
    ...(cgroup === undefined ? {} : { cgroup }),
    items: [
      ...Array.from(intent.services.rows.values(), (row) => serviceView(row, services)),
      ...Array.from(services.hostPorts.rows, ([owner, pod]) => hostPortView(owner, pod, services)),
    ],
  };
}

function serviceView(row: ServiceSpec, services: Services): ServiceView {
  const key = namespacedName(row);
  const unhealthy = services.health.problemOf(key);
  const { frontends, problems, ...state } = stateOf(key, services);
  const why = unhealthy === undefined ? [] : [{ reason: 'HealthCheckPort', message: unhealthy }];
  return {
    namespace: row.namespace,
    name: row.name,
    type: row.type,
    ...state,
    state: ignored(row) ?? state.state,
    steering: ignored(row) === undefined ? steeringOf(row) : [],
    frontends,
    problems: [...problems, ...why],
  };
}

/** Ports of the node that a pod has stand among services: they are told from them by their type. */
function hostPortView(owner: NamespacedName, { namespace, name }: HostPortPod, services: Services): ServiceView {
  return { namespace, name, type: 'HostPort', steering: [], ...stateOf(owner, services) };
}

function stateOf(key: NamespacedName, { follower, installer, engine }: Services) {
  const frontends = follower.frontendsOf(key);
  const isRefused = installer.refused.has(key) || follower.refused.has(key);
  const backends = distinctBackends(frontends);
  return {
    state: isRefused ? ('refused' as const) : engine.isPending(key) ? ('pending' as const) : ('applied' as const),
    frontends: frontends.map((frontend) => ({
      kind: frontend.kind,
      address: frontend.addr,
      port: frontend.port,
      protocol: frontend.protocol,
      served: follower.isWon(frontend, frontendKey(frontend)),
      backends: frontend.backends.length,
    })),
    backends: backends.slice(0, MAX_BACKENDS).map(([backend, state]) => ({
      address: backend.addr,
      port: backend.port,
      protocol: backend.protocol,
      state,
      ...(backend.pod === '' ? {} : { pod: backend.pod }),
      local: backend.local,
    })),
    backendCount: backends.length,
    problems: [...engine.problemsOf(key)],
  };
}

function ignored(row: ServiceSpec): 'ignored' | undefined {
  const headless = row.clusterIPs.length === 0 || row.clusterIPs.includes('None');
  return row.type === 'ExternalName' || row.foreign || headless ? 'ignored' : undefined;
}

function steeringOf(row: ServiceSpec): string[] {
  const isExternal = row.type !== 'ClusterIP' || row.externalIPs.length > 0;
  return [
    ...(row.affinitySeconds > 0 ? [`affinity ${row.affinitySeconds}s`] : []),
    ...(row.internalTrafficPolicy === 'Local' ? ['internal Local'] : []),
    ...(isExternal && row.externalTrafficPolicy === 'Local' ? ['external Local'] : []),
  ];
}

type BackendState = Backend['state'] | 'draining-used';

function distinctBackends(frontends: readonly Frontend[]): [Backend, BackendState][] {
  const found = new Map<string, [Backend, BackendState]>();
  const add = (backend: Backend, state: BackendState): void => {
    const key = `${backend.protocol} ${backend.addr}:${backend.port}`;
    if (!found.has(key)) found.set(key, [backend, state]);
  };
  for (const { backends, externalBackends } of frontends) {
    for (const list of new Set([backends, externalBackends])) {
      for (const backend of list) add(backend, backend.state === 'ready' ? 'ready' : 'draining-used');
    }
  }
  for (const { draining } of frontends) for (const backend of draining) add(backend, backend.state);
  return [...found.values()];
}
