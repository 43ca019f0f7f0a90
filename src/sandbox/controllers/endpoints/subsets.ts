import { type Json, type JsonObject, type KubeObject, listAt, objectAt, stringAt } from '../../apiserver/index.ts';
import { type Port, portsFor } from '../endpoint-slices.ts';
import { isFinished, isReady } from '../kit/pods.ts';

type Addresses = { readonly ready: JsonObject[]; readonly notReady: JsonObject[] };

/** The `subsets` of a service's Endpoints: ports that the same pods have are together, as the real controller packs them. */
export function subsetsOf(service: KubeObject, pods: readonly KubeObject[]): JsonObject[] {
  const publishNotReady = objectAt(service, 'spec')?.['publishNotReadyAddresses'] === true;
  const byPort = new Map<string, { readonly port: Port | undefined } & Addresses>();
  for (const pod of pods.toSorted((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1))) {
    const isLeaving = pod.metadata.deletionTimestamp !== undefined && !publishNotReady;
    if (addressOf(pod) === '' || isFinished(pod) || isLeaving) continue;
    const hasPorts = listAt(service, 'spec', 'ports').length > 0;
    for (const port of hasPorts ? portsFor(service, pod) : [undefined]) {
      const key = JSON.stringify(port ?? null);
      const entry = byPort.get(key) ?? { port, ready: [], notReady: [] };
      byPort.set(key, entry);
      (publishNotReady || isReady(pod) ? entry.ready : entry.notReady).push(endpointAddress(service, pod));
    }
  }
  const subsets = new Map<string, Addresses & { readonly ports: Json[] }>();
  for (const { port, ready, notReady } of byPort.values()) {
    const key = JSON.stringify([ready, notReady]);
    const subset = subsets.get(key) ?? { ready, notReady, ports: [] };
    subsets.set(key, subset);
    if (port !== undefined)
      subset.ports.push(port.name === '' ? { port: port.port, protocol: port.protocol } : { ...port });
  }
  return [...subsets.values()].map(({ ready, notReady, ports }) => ({
    ...(ready.length > 0 ? { addresses: ready } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
    ...(ports.length > 0 ? { ports } : {}),
  }));
}

const addressOf = (pod: KubeObject): string => stringAt(pod, 'status', 'podIP') ?? '';

function endpointAddress(service: KubeObject, pod: KubeObject): JsonObject {
  const { namespace = '', name, uid = '' } = pod.metadata;
  const nodeName = stringAt(pod, 'spec', 'nodeName');
  const hostname = stringAt(pod, 'spec', 'hostname');
  const isNamed = hostname !== undefined && stringAt(pod, 'spec', 'subdomain') === service.metadata.name;
  return {
    ip: addressOf(pod),
    ...(isNamed ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}
