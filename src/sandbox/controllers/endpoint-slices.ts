import {
  type Json,
  type JsonObject,
  type KubeObject,
  listAt,
  numberAt,
  objectAt,
  stringAt,
  stringMapAt,
} from '../apiserver/index.ts';

/** As the real controller (its --max-endpoints-per-slice). */
const MAX_ENDPOINTS = 100;

export type Port = { readonly name: string; readonly protocol: string; readonly port: number };
export type DesiredSlice = { readonly ports: readonly Port[]; readonly endpoints: readonly JsonObject[] };

/** Does the service want slices of pods? One without selector brings its own, an ExternalName has none. */
export function hasSelector(service: KubeObject): boolean {
  const selector = stringMapAt(service, 'spec', 'selector');
  return stringAt(service, 'spec', 'type') !== 'ExternalName' && Object.keys(selector).length > 0;
}

export function selects(service: KubeObject, pod: KubeObject): boolean {
  const labels = stringMapAt(pod, 'metadata', 'labels');
  return Object.entries(stringMapAt(service, 'spec', 'selector')).every(([key, value]) => labels[key] === value);
}

/**
 * The slices of a service with a selector, of IPv4 pods, as the EndpointSlice controller makes them: pods whose named
 * ports differ are apart, at most 100 endpoints a slice, in the order of the pods' names.
 */
export function desiredSlices(
  service: KubeObject,
  pods: readonly KubeObject[],
  zoneOf: (node: string) => string | undefined = () => undefined,
): DesiredSlice[] {
  const groups = new Map<string, { ports: readonly Port[]; endpoints: JsonObject[] }>();
  const publishNotReady = objectAt(service, 'spec')?.['publishNotReadyAddresses'] === true;
  for (const pod of pods.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    const address = stringAt(pod, 'status', 'podIP') ?? '';
    const phase = stringAt(pod, 'status', 'phase');
    // The address of a pod that has ended belongs to nobody, or to somebody else already.
    if (address === '' || address.includes(':') || phase === 'Succeeded' || phase === 'Failed') continue;
    const ports = portsFor(service, pod);
    if (ports.length === 0 && listAt(service, 'spec', 'ports').length > 0) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push({ ...endpointOf(pod, address, publishNotReady), ...hostnameOf(service, pod) });
    groups.set(key, group);
  }
  if (groups.size === 0) return [{ ports: [], endpoints: [] }];
  const hintsFor = hinter(service, zoneOf);
  for (const { endpoints } of groups.values())
    for (const endpoint of endpoints) Object.assign(endpoint, hintsFor(endpoint));
  return [...groups.values()].flatMap(({ ports, endpoints }) =>
    Array.from({ length: Math.ceil(endpoints.length / MAX_ENDPOINTS) }, (_, i) => ({
      ports,
      endpoints: endpoints.slice(i * MAX_ENDPOINTS, (i + 1) * MAX_ENDPOINTS),
    })),
  );
}

/** KEP-4444, KEP-3015: clients of the same node, else of the same zone, are to use an endpoint that is ready. */
function hinter(
  service: KubeObject,
  zoneOf: (node: string) => string | undefined,
): (endpoint: JsonObject) => JsonObject {
  const distribution = stringAt(service, 'spec', 'trafficDistribution');
  return (endpoint) => {
    const node = stringAt(endpoint, 'nodeName');
    const zone = node === undefined ? undefined : zoneOf(node);
    const located = zone === undefined ? {} : { zone };
    const ready = objectAt(endpoint, 'conditions')?.['ready'] === true;
    if (distribution === undefined || node === undefined || !ready) return located;
    const forNodes = distribution === 'PreferSameNode' ? { forNodes: [{ name: node }] } : {};
    const forZones = zone === undefined ? {} : { forZones: [{ name: zone }] };
    const hints = { ...forZones, ...forNodes };
    return Object.keys(hints).length === 0 ? located : { ...located, hints };
  };
}

/** Ports whose target this pod has; a name that it does not know leaves the port out. */
export function portsFor(service: KubeObject, pod: KubeObject): Port[] {
  return listAt(service, 'spec', 'ports').flatMap((entry) => {
    const name = stringAt(entry, 'name') ?? '';
    const protocol = stringAt(entry, 'protocol') ?? 'TCP';
    const target = stringAt(entry, 'targetPort');
    const number =
      target === undefined
        ? (numberAt(entry, 'targetPort') ?? numberAt(entry, 'port'))
        : namedPort(pod, target, protocol);
    return number === undefined ? [] : [{ name, protocol, port: number }];
  });
}

function namedPort(pod: KubeObject, name: string, protocol: string): number | undefined {
  const sidecars = listAt(pod, 'spec', 'initContainers').filter((c) => stringAt(c, 'restartPolicy') === 'Always');
  for (const container of [...listAt(pod, 'spec', 'containers'), ...sidecars]) {
    for (const port of listAt(container, 'ports')) {
      if (stringAt(port, 'name') === name && (stringAt(port, 'protocol') ?? 'TCP') === protocol) {
        return numberAt(port, 'containerPort');
      }
    }
  }
  return undefined;
}

function endpointOf(pod: KubeObject, address: string, publishNotReady: boolean): JsonObject {
  const { namespace, name, uid, deletionTimestamp } = pod.metadata;
  const terminating = deletionTimestamp !== undefined;
  const serving = isReady(pod);
  const nodeName = stringAt(pod, 'spec', 'nodeName');
  return {
    addresses: [address],
    // KEP-1672: ready is never true of one that terminates, unless the service wants everybody.
    conditions: { ready: publishNotReady || (serving && !terminating), serving, terminating },
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** A pod that names the service as its domain has a name of its own there. */
function hostnameOf(service: KubeObject, pod: KubeObject): { hostname?: string } {
  const hostname = stringAt(pod, 'spec', 'hostname') ?? '';
  return hostname !== '' && stringAt(pod, 'spec', 'subdomain') === service.metadata.name ? { hostname } : {};
}

function isReady(pod: Json): boolean {
  return listAt(pod, 'status', 'conditions').some(
    (condition) => stringAt(condition, 'type') === 'Ready' && stringAt(condition, 'status') === 'True',
  );
}
