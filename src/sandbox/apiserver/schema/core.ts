import {
  any,
  boolean,
  bytes,
  fields,
  int32,
  intOrString,
  list,
  listBy,
  map,
  microTime,
  quantity,
  string,
  strings,
  struct,
  time,
} from './dsl.ts';
import { condition, objectFields } from './meta.ts';
import { localObjectReference } from './volume.ts';

const CORE = 'io.k8s.api.core.v1';

const timedCondition = (name: string, stamps: string[]) =>
  struct(`${CORE}.${name}`, { ...fields(string, 'type', 'status', 'reason', 'message'), ...fields(time, ...stamps) });

export const objectReference = struct(
  `${CORE}.ObjectReference`,
  fields(string, 'kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'),
  { atomic: true },
);

export const namespace = struct(`${CORE}.Namespace`, {
  ...objectFields,
  spec: struct(`${CORE}.NamespaceSpec`, { finalizers: strings }),
  status: struct(`${CORE}.NamespaceStatus`, {
    phase: string,
    conditions: listBy('type', timedCondition('NamespaceCondition', ['lastTransitionTime'])),
  }),
});

export const node = struct(`${CORE}.Node`, {
  ...objectFields,
  spec: struct(`${CORE}.NodeSpec`, {
    ...fields(string, 'podCIDR', 'providerID', 'externalID'),
    podCIDRs: list(string, { mergeKey: '', listType: 'set' }),
    unschedulable: boolean,
    taints: list(struct(`${CORE}.Taint`, { ...fields(string, 'key', 'value', 'effect'), timeAdded: time })),
    configSource: any,
  }),
  status: struct(`${CORE}.NodeStatus`, {
    ...fields(map(quantity), 'capacity', 'allocatable'),
    phase: string,
    conditions: listBy('type', timedCondition('NodeCondition', ['lastHeartbeatTime', 'lastTransitionTime'])),
    addresses: list(struct(`${CORE}.NodeAddress`, fields(string, 'type', 'address')), {
      mergeKey: 'type',
    }),
    daemonEndpoints: struct(`${CORE}.NodeDaemonEndpoints`, {
      kubeletEndpoint: struct(`${CORE}.DaemonEndpoint`, { Port: int32 }),
    }),
    nodeInfo: struct(
      `${CORE}.NodeSystemInfo`,
      fields(
        string,
        'machineID',
        'systemUUID',
        'bootID',
        'kernelVersion',
        'osImage',
        'containerRuntimeVersion',
        'kubeletVersion',
        'kubeProxyVersion',
        'operatingSystem',
        'architecture',
      ),
    ),
    images: list(struct(`${CORE}.ContainerImage`, { names: strings, sizeBytes: { type: 'int64' } })),
    volumesInUse: strings,
    ...fields(any, 'volumesAttached', 'config', 'runtimeHandlers', 'features'),
  }),
});

export const service = struct(`${CORE}.Service`, {
  ...objectFields,
  spec: struct(`${CORE}.ServiceSpec`, {
    ports: list(
      struct(`${CORE}.ServicePort`, {
        ...fields(string, 'name', 'protocol', 'appProtocol'),
        ...fields(int32, 'port', 'nodePort'),
        targetPort: intOrString,
      }),
      { mergeKey: 'port', listType: 'map', mapKeys: ['port', 'protocol'] },
    ),
    selector: map(),
    ...fields(string, 'clusterIP', 'type', 'sessionAffinity', 'loadBalancerIP', 'externalTrafficPolicy'),
    ...fields(string, 'externalName', 'ipFamilyPolicy', 'internalTrafficPolicy', 'loadBalancerClass'),
    trafficDistribution: string,
    ...fields(strings, 'clusterIPs', 'externalIPs', 'loadBalancerSourceRanges', 'ipFamilies'),
    ...fields(boolean, 'publishNotReadyAddresses', 'allocateLoadBalancerNodePorts'),
    healthCheckNodePort: int32,
    sessionAffinityConfig: struct(`${CORE}.SessionAffinityConfig`, {
      clientIP: struct(`${CORE}.ClientIPConfig`, { timeoutSeconds: int32 }),
    }),
  }),
  status: struct(`${CORE}.ServiceStatus`, {
    loadBalancer: struct(`${CORE}.LoadBalancerStatus`, {
      ingress: list(
        struct(`${CORE}.LoadBalancerIngress`, {
          ...fields(string, 'ip', 'hostname', 'ipMode'),
          ports: list(struct(`${CORE}.PortStatus`, { port: int32, protocol: string, error: string })),
        }),
      ),
    }),
    conditions: listBy('type', condition),
  }),
});

const endpointAddress = struct(
  `${CORE}.EndpointAddress`,
  { ...fields(string, 'ip', 'hostname', 'nodeName'), targetRef: objectReference },
  { atomic: true },
);

export const endpoints = struct(`${CORE}.Endpoints`, {
  ...objectFields,
  subsets: list(
    struct(`${CORE}.EndpointSubset`, {
      ...fields(list(endpointAddress), 'addresses', 'notReadyAddresses'),
      ports: list(
        struct(
          `${CORE}.EndpointPort`,
          { ...fields(string, 'name', 'protocol', 'appProtocol'), port: int32 },
          { atomic: true },
        ),
      ),
    }),
  ),
});

export const event = struct(`${CORE}.Event`, {
  ...objectFields,
  involvedObject: objectReference,
  related: objectReference,
  ...fields(string, 'reason', 'message', 'type', 'action', 'reportingComponent', 'reportingInstance'),
  source: struct(`${CORE}.EventSource`, fields(string, 'component', 'host')),
  ...fields(time, 'firstTimestamp', 'lastTimestamp'),
  eventTime: microTime,
  count: int32,
  series: struct(`${CORE}.EventSeries`, { count: int32, lastObservedTime: microTime }),
});

export const configMap = struct(`${CORE}.ConfigMap`, {
  ...objectFields,
  data: map(),
  binaryData: map(bytes),
  immutable: boolean,
});

export const secret = struct(`${CORE}.Secret`, {
  ...objectFields,
  data: map(bytes),
  stringData: map(),
  immutable: boolean,
  type: string,
});

export const serviceAccount = struct(`${CORE}.ServiceAccount`, {
  ...objectFields,
  secrets: list(objectReference, { mergeKey: 'name', listType: 'map', mapKeys: ['name'] }),
  imagePullSecrets: list(localObjectReference),
  automountServiceAccountToken: boolean,
});

export const binding = struct(`${CORE}.Binding`, { ...objectFields, target: objectReference });
