import {
  appArmorProfile,
  container,
  ephemeralContainer,
  seccompProfile,
  seLinuxOptions,
  windowsOptions,
} from './container.ts';
import {
  any,
  boolean,
  fields,
  int32,
  int64,
  list,
  listBy,
  map,
  quantity,
  string,
  strings,
  struct,
  time,
} from './dsl.ts';
import { labelSelector, objectFields } from './meta.ts';
import { localObjectReference, resourceRequirements, volume } from './volume.ts';

const CORE = 'io.k8s.api.core.v1';

const nodeSelectorRequirement = struct(`${CORE}.NodeSelectorRequirement`, {
  ...fields(string, 'key', 'operator'),
  values: strings,
});
const nodeSelectorTerm = struct(
  `${CORE}.NodeSelectorTerm`,
  { matchExpressions: list(nodeSelectorRequirement), matchFields: list(nodeSelectorRequirement) },
  { atomic: true },
);
const podAffinityTerm = struct(`${CORE}.PodAffinityTerm`, {
  labelSelector,
  namespaceSelector: labelSelector,
  namespaces: strings,
  topologyKey: string,
  matchLabelKeys: strings,
  mismatchLabelKeys: strings,
});
const podAffinityFields = {
  requiredDuringSchedulingIgnoredDuringExecution: list(podAffinityTerm),
  preferredDuringSchedulingIgnoredDuringExecution: list(
    struct(`${CORE}.WeightedPodAffinityTerm`, { weight: int32, podAffinityTerm }),
  ),
};
const affinity = struct(`${CORE}.Affinity`, {
  nodeAffinity: struct(`${CORE}.NodeAffinity`, {
    requiredDuringSchedulingIgnoredDuringExecution: struct(
      `${CORE}.NodeSelector`,
      { nodeSelectorTerms: list(nodeSelectorTerm) },
      { atomic: true },
    ),
    preferredDuringSchedulingIgnoredDuringExecution: list(
      struct(`${CORE}.PreferredSchedulingTerm`, { weight: int32, preference: nodeSelectorTerm }),
    ),
  }),
  podAffinity: struct(`${CORE}.PodAffinity`, podAffinityFields),
  podAntiAffinity: struct(`${CORE}.PodAntiAffinity`, podAffinityFields),
});

export const podSpec = struct(
  `${CORE}.PodSpec`,
  {
    ...fields(string, 'restartPolicy', 'dnsPolicy', 'serviceAccountName', 'serviceAccount', 'nodeName', 'hostname'),
    ...fields(string, 'subdomain', 'schedulerName', 'priorityClassName', 'runtimeClassName', 'preemptionPolicy'),
    ...fields(boolean, 'automountServiceAccountToken', 'hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'),
    ...fields(boolean, 'setHostnameAsFQDN', 'hostUsers', 'enableServiceLinks'),
    ...fields(int64, 'terminationGracePeriodSeconds', 'activeDeadlineSeconds'),
    priority: int32,
    volumes: list(volume, { mergeKey: 'name', listType: 'map', mapKeys: ['name'] }),
    initContainers: listBy('name', container),
    containers: listBy('name', container),
    ephemeralContainers: listBy('name', ephemeralContainer),
    nodeSelector: map(),
    securityContext: struct(`${CORE}.PodSecurityContext`, {
      seLinuxOptions,
      windowsOptions,
      seccompProfile,
      appArmorProfile,
      ...fields(int64, 'runAsUser', 'runAsGroup', 'fsGroup'),
      runAsNonRoot: boolean,
      supplementalGroups: list(int64),
      ...fields(string, 'supplementalGroupsPolicy', 'fsGroupChangePolicy', 'seLinuxChangePolicy'),
      sysctls: list(struct(`${CORE}.Sysctl`, fields(string, 'name', 'value'))),
    }),
    imagePullSecrets: listBy('name', localObjectReference),
    affinity,
    tolerations: list(
      struct(`${CORE}.Toleration`, {
        ...fields(string, 'key', 'operator', 'value', 'effect'),
        tolerationSeconds: int64,
      }),
    ),
    hostAliases: listBy('ip', struct(`${CORE}.HostAlias`, { ip: string, hostnames: strings })),
    dnsConfig: struct(`${CORE}.PodDNSConfig`, {
      nameservers: strings,
      searches: strings,
      options: list(struct(`${CORE}.PodDNSConfigOption`, fields(string, 'name', 'value'))),
    }),
    readinessGates: list(struct(`${CORE}.PodReadinessGate`, { conditionType: string })),
    overhead: map(quantity),
    topologySpreadConstraints: list(
      struct(`${CORE}.TopologySpreadConstraint`, {
        ...fields(int32, 'maxSkew', 'minDomains'),
        ...fields(string, 'topologyKey', 'whenUnsatisfiable', 'nodeAffinityPolicy', 'nodeTaintsPolicy'),
        labelSelector,
        matchLabelKeys: strings,
      }),
      { mergeKey: 'topologyKey', listType: 'map', mapKeys: ['topologyKey', 'whenUnsatisfiable'] },
    ),
    os: struct(`${CORE}.PodOS`, { name: string }),
    schedulingGates: listBy('name', struct(`${CORE}.PodSchedulingGate`, { name: string })),
    resourceClaims: listBy(
      'name',
      struct(`${CORE}.PodResourceClaim`, fields(string, 'name', 'resourceClaimName', 'resourceClaimTemplateName')),
    ),
    resources: resourceRequirements,
  },
  { required: ['containers'] },
);

const containerState = struct(`${CORE}.ContainerState`, {
  waiting: struct(`${CORE}.ContainerStateWaiting`, fields(string, 'reason', 'message')),
  running: struct(`${CORE}.ContainerStateRunning`, { startedAt: time }),
  terminated: struct(`${CORE}.ContainerStateTerminated`, {
    ...fields(int32, 'exitCode', 'signal'),
    ...fields(string, 'reason', 'message', 'containerID'),
    ...fields(time, 'startedAt', 'finishedAt'),
  }),
});
const containerStatuses = list(
  struct(`${CORE}.ContainerStatus`, {
    ...fields(string, 'name', 'image', 'imageID', 'containerID'),
    ...fields(containerState, 'state', 'lastState'),
    ...fields(boolean, 'ready', 'started'),
    restartCount: int32,
    allocatedResources: map(quantity),
    resources: resourceRequirements,
    ...fields(any, 'volumeMounts', 'user', 'allocatedResourcesStatus', 'stopSignal'),
  }),
);

export const podStatus = struct(`${CORE}.PodStatus`, {
  ...fields(string, 'phase', 'message', 'reason', 'nominatedNodeName', 'hostIP', 'podIP', 'qosClass', 'resize'),
  observedGeneration: int64,
  startTime: time,
  conditions: listBy(
    'type',
    struct(`${CORE}.PodCondition`, {
      ...fields(string, 'type', 'status', 'reason', 'message'),
      ...fields(time, 'lastProbeTime', 'lastTransitionTime'),
      observedGeneration: int64,
    }),
  ),
  hostIPs: list(struct(`${CORE}.HostIP`, { ip: string })),
  podIPs: listBy('ip', struct(`${CORE}.PodIP`, { ip: string })),
  ...fields(containerStatuses, 'initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'),
  resourceClaimStatuses: any,
});

export const pod = struct(`${CORE}.Pod`, { ...objectFields, spec: podSpec, status: podStatus });
