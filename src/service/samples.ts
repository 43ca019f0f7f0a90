/** Services and slices for tests: a service of two ready pods on two nodes, and what to change about it. */

import { type NamespacedName, parseNamespacedName } from '../base/index.ts';
import type { Backend, Frontend, ServiceSpec, SliceEndpoint, SliceSpec } from '../model/index.ts';
import { Prefix, parseAddr } from '../net/index.ts';
import type { ServiceContext } from './context.ts';

/** `namespace/name`. */
export function sampleName(text: string): NamespacedName {
  const name = parseNamespacedName(text);
  if (name === undefined) throw new Error(`${text} is no name`);
  return name;
}

export function sampleService(more: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    uid: 'u1',
    namespace: 'a',
    name: 'web',
    createdAt: '2026-01-01T00:00:00Z',
    type: 'ClusterIP',
    clusterIPs: ['10.96.0.10'],
    externalIPs: [],
    ingressIPs: [],
    ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 0 }],
    affinitySeconds: 0,
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    healthCheckNodePort: 0,
    hasSourceRanges: false,
    foreign: false,
    ...more,
  };
}

/** The ClusterIP of a/web, for everybody the same backends. */
export function sampleFrontend(backends: readonly Backend[], more: Partial<Frontend> = {}): Frontend {
  return {
    kind: 'ClusterIP',
    addr: parseAddr('10.96.0.10'),
    port: 80,
    protocol: 'TCP',
    service: sampleName('a/web'),
    portName: '',
    affinitySeconds: 0,
    backends,
    externalBackends: backends,
    draining: [],
    internalLocal: false,
    externalLocal: false,
    ...more,
  };
}

export function sampleEndpoint(address: string, more: Partial<SliceEndpoint> = {}): SliceEndpoint {
  return {
    address,
    ready: true,
    serving: true,
    terminating: false,
    nodeName: 'node-1',
    pod: '',
    zones: [],
    nodes: [],
    ...more,
  };
}

export function sampleSlice(endpoints: readonly SliceEndpoint[], more: Partial<SliceSpec> = {}): SliceSpec {
  return {
    uid: 's1',
    namespace: 'a',
    name: 'web-1',
    service: 'web',
    addressType: 'IPv4',
    ports: [{ name: '', protocol: 'TCP', port: 8080 }],
    endpoints,
    ...more,
  };
}

/** Of node-1, 172.18.0.2, in zone z1, beside node-2, 172.18.0.3. */
export function sampleContext(more: Partial<ServiceContext> = {}): ServiceContext {
  return {
    nodeName: 'node-1',
    zone: 'z1',
    isNodeAddress: (addr) => addr === '172.18.0.2' || addr === '172.18.0.3',
    isHostPod: (pod, addr) => pod === 'a/host' && addr === '172.18.0.2',
    addressRanges: [Prefix.parse('192.0.2.0/24')],
    most: { frontends: 1_000, backends: 1_000 },
    nodePorts: { min: 30_000, max: 32_767 },
    ...more,
  };
}
